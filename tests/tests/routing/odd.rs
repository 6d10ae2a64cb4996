//! Configurations and calls that nobody should write and somebody will: each is refused in clear words or does
//! something sane, nothing loops, and everybody else is served.

use crate::two;
use anyhow::{Context, Result};
use protocol::control::{ControlReply, ControlRequest};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};
use tests::client::{Client, Reply};
use tests::config::Config;
use tests::control;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step, delta, done, event, stream_head};
use tests::stack::executable;
use tests::stream::End;
use tests::wait;

const SOON: Duration = Duration::from_secs(10);

/// What the executable says of a file with these lines beside a provider `a` with the models `m1` and `m2`.
fn checked(lines: &str) -> Result<(bool, String)> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("llm-link.toml");
    let provider = "[[providers]]\nname = \"a\"\npreset = \"ollama\"\nmodels = [\"m1\", \"m2\"]\n";
    std::fs::write(&file, format!("{provider}{lines}\n"))?;
    let output = Command::new(executable()?).arg("check").arg("--config").arg(&file).output()?;
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Ok((output.status.success(), said))
}

#[test]
fn what_cannot_be_meant_is_refused_and_named() -> Result<()> {
    let (alias, app) = ("[[aliases]]\nname = \"x\"\n", "[[apps]]\nname = \"default\"\n");
    let (other, server) = ("[[providers]]\nname = \"b\"\npreset = \"ollama\"\n", "[server]\n");
    for (section, line, words) in [
        (alias, "candidates = [{ provider = \"a\", model = \"m1\", weight = 0 }]", "`weight` of 0"),
        (alias, "candidates = [\"a/m1\", { provider = \"a\", model = \"m2\", weight = 0 }]", "`weight` of 0"),
        (app, "candidates = [{ provider = \"a\", weight = 0 }]", "`weight` of 0"),
        (alias, "candidates = [\"x\"]", "candidate `x` is not of the form `provider/model`"),
        (alias, "candidates = [\"/m1\"]", "candidate `/m1` is not of the form `provider/model`"),
        (alias, "candidates = [\"a/\"]", "candidate `a/` is not of the form `provider/model`"),
        (app, "candidates = [\"/m1\"]", "candidate `/m1` is not of the form `provider/model`"),
        (alias, "candidates = []", "alias `x` has no candidates"),
        (alias, "candidates = [\"a/m1\", \"a/m1\"]", "candidate `a/m1` is listed twice"),
        (app, "candidates = [\"a/m1\", \"a/m1\"]", "candidate `a/m1` is listed twice"),
        ("", "fallback = [\"a\"]", "provider `a` cannot be its own fallback"),
        ("", &format!("fallback = [\"b\", \"b\"]\n{other}"), "fallback `b` of provider `a` is listed twice"),
        ("", "max_concurrent = 0", "`max_concurrent` of 0"),
        ("", "rates = { requests_per_minute = 0 }", "`requests_per_minute` of 0"),
        (app, "limits = { concurrent = 0 }", "`concurrent` of 0"),
        (app, "limits = { requests_per_minute = 0 }", "`requests_per_minute` of 0"),
        (app, "limits = { tokens_per_minute = -1 }", "`tokens_per_minute` of -1"),
        (app, "budgets = { daily_tokens = 0 }", "`daily_tokens` of 0"),
        (app, "budgets = { daily_cost = \"-1 USD\" }", "`-1 USD` is no amount"),
        (app, "budgets = { daily_cost = [\"1 USD\", \"2 USD\"] }", "`daily_cost` names USD twice"),
        (app, "hedge = { after = \"0s\" }", "`after` of 0s"),
        (app, "sticky = \"x y\"", "`x y` is no name of a header"),
        (app, "sticky = \"\"", "`` is no name of a header"),
        (app, "rule = \"nearest\"", "`nearest` is not one of"),
        (app, "retry = { max_attempts = 0 }", "`max_attempts` of 0"),
        ("", "[[apps]]\nname = \"größe\"", "`größe` is no name for apps"),
        ("", "[[apps]]\nname = \"a\\r\\nx-evil: 1\"", "`a\\r\\nx-evil: 1` is no name for apps"),
        (server, "utc_offset = \"+25:00\"", "`+25:00` is no distance from UTC"),
        // A zone with summer time has days of other lengths: only a fixed distance is taken.
        (server, "utc_offset = \"Europe/Berlin\"", "`Europe/Berlin` is no distance from UTC"),
    ] {
        let (right, said) = checked(&format!("{section}{line}"))?;
        assert!(!right && said.contains(words), "{line}: {said}");
    }
    for right in [
        &format!("fallback = [\"b\"]\n{other}fallback = [\"a\"]"),
        &format!("{app}candidates = []"),
        &format!("{app}candidates = [\"a/m1\"]\nfallback = [\"a/m1\"]\nrule = \"weighted\""),
        &format!("{server}utc_offset = \"+05:45\""),
    ] {
        let (is_right, said) = checked(right)?;
        assert!(is_right, "{right}: {said}");
    }
    Ok(())
}

/// Provider `a` with these models, and `b`; each takes over for the other. The default app has these lines.
async fn ring(models: &str, lines: &str) -> Result<Scene> {
    let models =
        toml::from_str::<toml::Table>(&format!("models = {models}"))?.remove("models").context("models")?;
    let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"]).set("models", models)).await?;
    let cast = cast.provider_with("b", |p| p.priority(10).fallback(&["a"])).await?;
    cast.configure(|config, _| config.default_app(lines))?.start().await
}

#[tokio::test]
async fn who_stands_in_for_each_other_is_asked_a_few_times_only() -> Result<()> {
    let scene =
        ring("[\"m1\"]", "candidates = [\"a/m1\"]\nfallback = [\"a/m1\", \"b/m1\"]\nrule = \"weighted\"")
            .await?;
    let (a, b) = (scene.upstream("a")?, scene.upstream("b")?);
    assert_eq!(scene.client().chat("m1").await?.header("x-llm-link-provider"), Some("a"));
    for upstream in [a, b] {
        upstream.forget();
        upstream.on("m1", Script::error(500, "no"));
    }
    for model in ["m1", "a/m1", "b/m1"] {
        let reply = scene.client().chat(model).await?;
        assert_eq!((reply.status, reply.header("x-llm-link-attempts")), (500, Some("3")), "{}", reply.text());
    }
    assert_eq!(a.request_count() + b.request_count(), 9);
    Ok(())
}

#[tokio::test]
async fn models_past_their_sunset_that_stand_in_for_each_other_serve_themselves() -> Result<()> {
    let past = |id: &str, others: &str| {
        format!("{{ id = \"{id}\", deprecated = true, sunset = \"2020-01-01\", alternatives = [{others}] }}")
    };
    let models =
        [past("one", "\"two\""), past("two", "\"a/one\""), past("alone", ""), past("lost", "\"nowhere\"")];
    let scene = ring(&format!("[{}]", models.join(", ")), "").await?;
    for model in ["one", "two", "alone", "lost"] {
        let reply = scene.client().chat(&format!("a/{model}")).await?;
        assert_eq!((reply.status, reply.header("x-llm-link-model")), (200, Some(model)), "{}", reply.text());
        assert_eq!(reply.header("deprecation"), Some("true"), "{model}");
    }
    Ok(())
}

/// A rate limit, with a word about its end.
fn limited(after: &str) -> Script {
    Script::error(429, "slow down").with_header("retry-after", after)
}

#[tokio::test]
async fn whatever_a_provider_says_of_its_limit_the_call_ends_soon_and_so_does_the_limit() -> Result<()> {
    // The provider serves from the second time on; is that seen, or is the client told to come back, and when?
    let table = [
        ("0", Some(0..1)),
        ("1", Some(1..3)),
        ("0.5", Some(0..2)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0..1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("99999999999999999999999", None),
        ("3600", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("NaN", None),
        ("1e999", None),
        ("Fri, 99 Foo 2099 99:99:99 GMT", None),
    ];
    let models: Vec<String> = (0..table.len()).map(|n| format!("r{n}")).collect();
    let names: Vec<&str> = models.iter().map(String::as_str).collect();
    let scene = Cast::new()?.provider_with("a", |p| p.models(&names)).await?.start().await?;
    let upstream = scene.upstream("a")?;
    for (model, (after, served)) in names.iter().zip(table) {
        upstream.once(model, limited(after));
        let began = Instant::now();
        let reply = scene.client().chat(model).await?;
        let (took, told) = (began.elapsed(), reply.header("retry-after").map(str::to_owned));
        match served {
            Some(seconds) => {
                assert_eq!(reply.status, 200, "{after}: {}", reply.text());
                let (least, most) =
                    (Duration::from_secs(seconds.start), Duration::from_secs(seconds.end + 5));
                assert!((least..most).contains(&took), "{after}: {took:?}");
            }
            None => {
                assert_eq!(reply.status, 429, "{after}: {}", reply.text());
                assert!(took < Duration::from_secs(5), "{after}: {took:?}");
                // The answer is the provider's own, and so are its words.
                assert_eq!(told.as_deref(), Some(after));
            }
        }
    }
    // Who said nothing that makes sense is asked again a second later.
    let again = async || scene.client().chat("r8").await.ok().filter(|reply| reply.status == 200).map(drop);
    wait::until("the end of a limit", SOON, again).await?;
    assert_eq!(scene.client().chat("r6").await?.status, 429, "an hour is not over");
    Ok(())
}

#[tokio::test]
async fn when_everybody_is_limited_the_client_is_told_and_nobody_is_asked_again() -> Result<()> {
    let scene = ring("[\"m1\"]", "").await?;
    let (a, b) = (scene.upstream("a")?, scene.upstream("b")?);
    a.on("m1", limited("30"));
    b.on("m1", limited("20"));
    let first = scene.client().chat("m1").await?;
    assert_eq!((first.status, first.header("x-llm-link-attempts")), (429, Some("2")), "{}", first.text());
    for _ in 0..5 {
        let reply = scene.client().chat("m1").await?;
        assert_eq!(reply.status, 429);
        assert!(
            reply.text().contains("every provider of this model is rate limited now"),
            "{}",
            reply.text()
        );
        let wait: u64 = reply.header("retry-after").context("a wait")?.parse()?;
        assert!((15..=20).contains(&wait), "the sooner one: {wait}");
    }
    assert_eq!((a.request_count(), b.request_count()), (1, 1));
    Ok(())
}

fn headers_are_plain(reply: &Reply) -> bool {
    let ours = reply.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-llm-link"));
    ours.into_iter().all(|(_, value)| value.to_str().is_ok_and(|v| !v.is_empty()))
}

#[tokio::test]
async fn names_that_no_header_can_hold_are_answered_with_headers_that_can() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    for (model, shown) in [
        ("größe", "gr??e"),
        ("模型", "??"),
        ("m1\r\nx-evil: 1", "m1??x-evil: 1"),
        ("m1\u{0}", "m1?"),
        ("\u{202e}\u{1f980}", "??"),
    ] {
        let reply = scene.client().chat(&format!("a/{model}")).await?;
        assert_eq!(reply.status, 200, "{model:?}: {}", reply.text());
        assert_eq!(reply.header("x-llm-link-model"), Some(shown), "{model:?}");
        assert!(headers_are_plain(&reply) && reply.header("x-evil").is_none(), "{:?}", reply.headers);
        assert_eq!(scene.upstream("a")?.requests().last().context("a request")?.model(), model);
    }
    Ok(())
}

#[tokio::test]
async fn headers_of_calls_may_say_anything() -> Result<()> {
    let scene = two("rule = \"weighted\"\nsticky = \"x-session\"").await?;
    let long = "s".repeat(12_000);
    let mut first = None;
    for session in ["", " ", "größe", "\u{1f980}", &long] {
        let client = scene.client().with_header("x-session", session);
        let mut served = Vec::new();
        for _ in 0..3 {
            let reply = client.chat("m1").await?;
            assert_eq!(reply.status, 200, "{}", reply.text());
            served.push(reply.header("x-llm-link-provider").map(str::to_owned));
        }
        assert!(served.iter().all(|one| *one == served[0]), "one session, one provider: {served:?}");
        first = first.or_else(|| served.pop());
    }
    assert!(first.is_some());
    let too_long = "s".repeat(100_000);
    assert_eq!(scene.client().with_header("x-session", &too_long).chat("m1").await?.status, 431);
    for (patience, status) in
        [("0", 504), ("-1", 200), ("soon", 200), ("99999999999999999999", 200), ("18446744073709551615", 200)]
    {
        let reply = scene.client().with_header("x-llm-link-timeout-ms", patience).chat("m1").await?;
        assert_eq!(reply.status, status, "{patience}: {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_window_hides_a_call_of_a_tool_that_breaks_off_in_it() -> Result<()> {
    let scene = two("hold = { chunks = 3 }").await?;
    let (a, b) = (scene.upstream("a")?, scene.upstream("b")?);
    let piece = |name: &str, text: &str| {
        let function = match name {
            "" => json!({"arguments": text}),
            name => json!({"name": name, "arguments": text}),
        };
        let call = json!({"index": 0, "id": "t1", "type": "function", "function": function});
        Step::Chunk(event(&delta(json!({"tool_calls": [call]}), None)))
    };
    let begun = |name| [stream_head(), piece(name, "{\"x"), piece("", "\":1")];
    a.on("m1", Script::just(begun("broken").into_iter().chain([Step::Reset])));
    let finish = Step::Chunk(event(&delta(json!({}), Some("tool_calls"))));
    let rest = [piece("", "}"), finish, Step::Chunk(done()), Step::End];
    b.on("m1", Script::just(begun("whole").into_iter().chain(rest)));
    let body = json!({"model": "m1", "stream": true, "messages": [{"role": "user", "content": "x"}],
                      "tools": [{"type": "function", "function": {"name": "whole", "parameters": {}}}]});
    let story = scene.client().stream_body(&body).await?.finish().await?;
    assert_eq!(story.end, End::Done);
    let call = |event: &Value| event["choices"][0]["delta"]["tool_calls"][0]["function"].clone();
    let (mut names, mut arguments) = (String::new(), String::new());
    for event in &story.events {
        let call = call(&event.json());
        names.push_str(call["name"].as_str().unwrap_or_default());
        arguments.push_str(call["arguments"].as_str().unwrap_or_default());
    }
    assert_eq!((names.as_str(), arguments.as_str()), ("whole", "{\"x\":1}"));
    assert!(a.request_count() >= 1);
    Ok(())
}

#[tokio::test]
async fn a_budget_of_nothing_lets_nothing_through_and_says_so() -> Result<()> {
    let scene = two("budgets = { monthly_cost = \"0 USD\" }").await?;
    let reply = scene.client().chat("m1").await?;
    assert_eq!(reply.status, 429);
    assert!(reply.text().contains("has no room left in its budget of 0.00 USD a month"), "{}", reply.text());
    let wait: u64 = reply.header("retry-after").context("a wait")?.parse()?;
    assert!(wait > 0 && wait <= 31 * 86_400, "until the next month: {wait}");
    assert_eq!(scene.upstream("a")?.request_count(), 0);
    Ok(())
}

/// A scene whose callers with a key are the app `team`, and its file without any app.
async fn team() -> Result<(Scene, Client, Config)> {
    let cast = Cast::new()?.provider("a").await?;
    let mut bare = None;
    let cast = cast.configure(|config, place| {
        bare = Some(config.clone());
        let key = place.key("team", "sk-team")?;
        Ok(config.default_app("")?.app("team", &key))
    })?;
    let scene = cast.start().await?;
    let client = scene.client().with_key("sk-team");
    Ok((scene, client, bare.context("a configuration")?))
}

/// With the app `team` and these lines of it from now on.
fn with_team(scene: &Scene, bare: &Config, lines: &str) -> Result<()> {
    let key = scene.place().key("team", "sk-team")?;
    let lines = format!("keys = [{{ file = {key:?} }}]\n{lines}");
    scene.write_config(bare.clone().default_app("")?.app_with("team", &lines)?)
}

#[tokio::test]
async fn an_app_that_goes_while_its_calls_stream_lets_them_end() -> Result<()> {
    let (scene, client, bare) = team().await?;
    scene.upstream("a")?.on("m1", Script::paced(150, Duration::from_millis(20)));
    let mut stream = client.stream("m1").await?;
    stream.read_content(3).await?;
    scene.upstream("a")?.on("m1", Script::answer("quick"));
    // What is left is an app that may ask for nothing there is.
    scene.write_config(bare.clone().default_app("models = [\"other\"]")?)?;
    let status = async |expected: u16| -> Result<()> {
        let is = async || client.chat("m1").await.ok().filter(|reply| reply.status == expected).map(drop);
        wait::until(&format!("status {expected}"), SOON, is).await
    };
    // Its key is nobody's then; some listeners take it for the default app.
    let gone =
        async || client.chat("m1").await.ok().filter(|reply| matches!(reply.status, 401 | 403)).map(drop);
    wait::until("the app to be gone", SOON, gone).await?;
    assert_eq!(stream.finish().await?.end, End::Done);
    with_team(&scene, &bare, "limits = { concurrent = 1 }")?;
    status(200).await
}

#[tokio::test]
async fn a_limit_that_comes_while_calls_run_counts_them() -> Result<()> {
    let (scene, client, bare) = team().await?;
    scene.upstream("a")?.on("m1", Script::paced(300, Duration::from_millis(20)));
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = client.stream("m1").await?;
        stream.read_content(3).await?;
        streams.push(stream);
    }
    scene.upstream("a")?.on("m1", Script::answer("there is a place"));
    let level = async || -> Option<(u64, u64)> {
        let asked = ControlRequest::App { app: "team".to_owned() };
        let ControlReply::App(app) = control::ask(&scene, asked).await.ok()? else { return None };
        let level = app.levels.iter().find(|level| level.limit == "concurrent")?;
        Some((level.used, level.of))
    };
    with_team(&scene, &bare, "limits = { concurrent = 2, queue = 0 }")?;
    wait::until("the limit", SOON, async || level().await.map(drop)).await?;
    assert_eq!(level().await, Some((2, 2)), "those that run count, whatever it was when they began");
    let reply = client.chat("m1").await?;
    assert_eq!(reply.status, 429);
    assert!(reply.text().contains("2 calls at once already"), "{}", reply.text());
    drop(streams.pop());
    let place = async || client.chat("m1").await.ok().filter(|reply| reply.status == 200).map(drop);
    wait::until("a place", SOON, place).await?;
    assert_eq!(streams.remove(0).finish().await?.end, End::Done);
    Ok(())
}
