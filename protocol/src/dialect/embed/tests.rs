use super::*;
use crate::dialect::Dialect;
use crate::model::FailureKind;

fn ask(dialect: Dialect, path: &str, body: &str) -> EmbedRequest {
    decode_request(dialect, path, body.as_bytes()).unwrap()
}

#[test]
fn every_form_of_a_request_is_read() {
    let texts = ["a", "b"];
    for (dialect, path, body) in [
        (Dialect::OpenAiChat, "", r#"{"model":"m","input":["a","b"],"dimensions":3}"#),
        (Dialect::Ollama, "", r#"{"model":"m","input":["a","b"],"dimensions":3}"#),
        (
            Dialect::Gemini,
            ":batchEmbedContents",
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":3},{"content":{"parts":[{"text":"b"}]}}]}"#,
        ),
    ] {
        let request = ask(dialect, path, body);
        assert_eq!((request.inputs.as_slice(), request.dimensions), (&texts.map(String::from)[..], Some(3)));
        assert!(request.rest.is_empty(), "{:?}", request.rest);
    }
    assert_eq!(ask(Dialect::Ollama, OLD, r#"{"model":"m","prompt":"a"}"#).inputs, ["a"]);
    let gemini = ask(Dialect::Gemini, "", r#"{"content":{"parts":[{"text":"a"}]},"taskType":"X"}"#);
    assert_eq!((gemini.inputs, gemini.rest), (vec!["a".to_owned()], vec!["taskType".to_owned()]));
    let tokens = decode_request(Dialect::OpenAiChat, "", br#"{"input":[[1,2]]}"#).unwrap_err();
    assert_eq!((tokens.kind, tokens.param.as_deref()), (FailureKind::Unsupported, Some("input")));
}

#[test]
fn every_form_of_an_answer_is_written_and_read_again() {
    let answer = EmbedAnswer {
        vectors: vec![vec![0.5, -1.0], vec![0.1, 3e-7]],
        model: Some("m".into()),
        usage: Usage { input_fresh: Some(7), ..Usage::default() },
    };
    for dialect in [Dialect::OpenAiChat, Dialect::Ollama, Dialect::Gemini] {
        for encoding in [Encoding::Float, Encoding::Base64] {
            let style = Style { encoding, form: Form::Many, model: "m".into() };
            let body = encode_response(dialect, &answer, &style).unwrap();
            let read = decode_response(dialect, &body).unwrap();
            assert_eq!(read.vectors, answer.vectors, "{dialect}");
            if dialect != Dialect::Gemini {
                assert_eq!(read.usage.input_fresh, Some(7), "{dialect}");
            }
        }
    }
    let text = encode_response(
        Dialect::OpenAiChat,
        &EmbedAnswer { vectors: vec![vec![0.5, -1.0]], ..answer },
        &Style { encoding: Encoding::Base64, form: Form::Many, model: "m".into() },
    )
    .unwrap();
    assert!(String::from_utf8(text).unwrap().contains("\"AAAAPwAAgL8=\""));
}

#[test]
fn what_has_no_vectors_is_a_bad_answer() {
    for dialect in [Dialect::OpenAiChat, Dialect::Ollama, Dialect::Gemini] {
        for body in ["", "{}", "[]", r#"{"data":[{"embedding":"AA=="}]}"#] {
            let failure = decode_response(dialect, body.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadAnswer, "{dialect} {body}");
        }
    }
}
