//! What a large request costs on its whole way: decoded, adapted, encoded.

use super::tests::head;
use super::*;
use serde_json::{Value, json};
use std::time::Instant;

const SIZE: usize = 1024 * 1024;

/// A history of an agent in OpenAI's form: a question, a call of a tool and its result, again and again.
fn history(lines: usize) -> Value {
    let text = "All work and no play makes \\ \"Jack\" a dull boy.\n".repeat(lines);
    let turn = |n: usize| {
        let id = format!("call_{n}");
        let call = json!({"name": "tool_1", "arguments": "{\"path\":\"/etc/hosts\",\"n\":1}"});
        [
            json!({"role": "user", "content": text}),
            json!({"role": "assistant", "content": text, "tool_calls": [{"id": id, "type": "function", "function": call}]}),
            json!({"role": "tool", "tool_call_id": id, "content": text}),
        ]
    };
    let tool = |n| json!({"type": "function", "function": {"name": format!("tool_{n}"), "parameters": {"type": "object"}}});
    let messages: Vec<Value> = (0..SIZE * 11 / 10 / (lines * 162 + 240)).flat_map(turn).collect();
    json!({"messages": messages, "tools": (0..21).map(tool).collect::<Vec<_>>(), "max_tokens": 1000})
}

/// The same, as a client of this dialect writes it.
fn spoken(dialect: Dialect, body: &Value) -> Vec<u8> {
    let asked = RequestHead { operation: Operation::Chat, model: "m", stream: true };
    let read = Dialect::OpenAiChat.decode_request(body.to_string().as_bytes(), &asked).unwrap();
    dialect.encode_request(read, &Quirks::default()).unwrap().body
}

#[test]
#[ignore = "a measurement"]
fn a_request_of_a_mebibyte_takes() {
    let (quirks, facts) = (Arc::default(), ModelFacts::default());
    for lines in [40, 4, 1] {
        println!("turns of {lines} lines: milliseconds, half of them (the quickest)");
        for from in Dialect::ALL {
            let body = spoken(from, &history(lines));
            let mut row = format!("{:18}", from.to_string());
            for target in Dialect::ALL.into_iter().filter(|target| *target != from) {
                let pair =
                    Pair { target, upstream: Transport::Stream, quirks: &quirks, facts: &facts, now: 1 };
                let head = head(from, true);
                let mut times: Vec<u128> = (0..41)
                    .map(|_| {
                        let before = Instant::now();
                        let asked = request(&head, &body, &pair).unwrap();
                        let took = before.elapsed().as_micros();
                        assert!(asked.body.len() > SIZE / 2);
                        took
                    })
                    .collect();
                times.sort_unstable();
                let ms = |micros: u128| micros as f64 / 1000.0;
                row.push_str(&format!(" {target} {:.1} ({:.1})", ms(times[20]), ms(times[0])));
            }
            println!("{row} of {} KiB", body.len() / 1024);
        }
    }
}
