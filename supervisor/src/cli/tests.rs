//! What arguments mean, what is refused, and the help as people see it.

mod legacy;
mod words;

use super::*;
use crate::settings::testing::Pretend;
use clap::CommandFactory;

/// 2026-11-28, midnight.
const NOW: i64 = 1_795_824_000_000;

fn parsed(line: &str, pretend: &Pretend) -> Result<Command, Stop> {
    let words = std::iter::once("llm-link").chain(line.split_whitespace());
    parse(words.map(OsString::from), pretend, Account::Root, NOW)
}

fn command(line: &str) -> Command {
    parsed(line, &Pretend::default()).unwrap_or_else(|stop| panic!("{line}: {}", stop.text))
}

/// The configuration and overrides that a command is about, in one line.
fn about(source: &Source) -> String {
    let Overrides { listen, state_dir, log_level } = &source.overrides;
    format!("{} {listen:?} {state_dir:?} {log_level:?}", source.origin.name())
}

fn described(command: &Command) -> String {
    match command {
        Command::Serve(source) => format!("serve {}", about(source)),
        Command::Operate(Operation { source, format, deed }) => {
            format!("{deed:?} {format:?} {}", about(source))
        }
        Command::Install(wish) => format!("install {wish:?}"),
        Command::Uninstall(wish) => format!("uninstall {wish:?}"),
        Command::Man(directory) => format!("man {}", directory.display()),
        Command::Router(flags) => format!("router {}", flags.generation),
        Command::Worker(flags) => format!("worker {} {}", flags.provider, flags.generation),
        Command::Report(Report::Check(source)) => format!("check {}", about(source)),
        Command::Report(Report::ListPresets(format)) => format!("list {format:?}"),
        Command::Report(Report::ShowPreset { name, format }) => format!("show {name} {format:?}"),
        Command::Report(Report::ListApps) => "apps".to_owned(),
        Command::Report(Report::AppInfo(name)) => format!("app {name}"),
        Command::Report(Report::ListModels { provider }) => format!("models {provider:?}"),
        Command::Report(Report::Completions(shell)) => format!("completions {shell}"),
    }
}

/// What a report prints. Its exit code cannot be compared; [`super::Report::print`] is run by the black-box tests.
fn printed(line: &str, pretend: &Pretend) -> String {
    let Ok(Command::Report(report)) = parsed(line, pretend) else { panic!("{line} is no report") };
    let mut out = Vec::new();
    report.print(&mut out, pretend, Account::Root);
    String::from_utf8(out).expect("text")
}

#[test]
fn every_command() {
    let none = "[] None None";
    for (line, expected) in [
        ("", format!("serve built-in configuration {none}")),
        ("serve", format!("serve built-in configuration {none}")),
        ("-c a.toml", format!("serve a.toml {none}")),
        (
            "serve --config a.toml --listen 127.0.0.1:0 --listen [::1]:0 --state-dir /s --log-level debug",
            r#"serve a.toml ["127.0.0.1:0", "[::1]:0"] Some("/s") Some("debug")"#.to_owned(),
        ),
        ("--listen :0 --state-dir s", r#"serve built-in configuration [":0"] Some("s") None"#.to_owned()),
        ("--config a.toml --port 9", r#"serve a.toml ["127.0.0.1:9"] None None"#.to_owned()),
        ("--host ::1 -p 9", r#"serve built-in configuration ["[::1]:9"] None None"#.to_owned()),
        (
            "--mode multi --admin-port 8081",
            r#"serve built-in configuration ["127.0.0.1:8080", "127.0.0.1:8081"] None None"#.to_owned(),
        ),
        ("check --config a.toml", format!("check a.toml {none}")),
        ("presets", "list Text".to_owned()),
        ("presets --json", "list Json".to_owned()),
        ("presets zhipu --json", "show zhipu Json".to_owned()),
        ("install --user --no-start", "install Wish { user: true, root: None, no_start: true }".to_owned()),
        (
            "uninstall --root /r",
            r#"uninstall Wish { user: false, root: Some("/r"), no_start: true }"#.to_owned(),
        ),
        ("completions bash", "completions bash".to_owned()),
        ("man /tmp/m", "man /tmp/m".to_owned()),
        ("router --generation 3 --log info", "router 3".to_owned()),
        ("worker a --generation 4 --log info", "worker a 4".to_owned()),
        ("--list-apps", "apps".to_owned()),
        ("--list-apps --app nonsense", "apps".to_owned()),
        ("--app-info zed", "app zed".to_owned()),
        ("--list-models --provider zhipu", r#"models Some("zhipu")"#.to_owned()),
    ] {
        assert_eq!(described(&command(line)), expected, "{line}");
    }
}

#[test]
fn the_variable_names_the_configuration() {
    let pretend = Pretend::default().with_env("LLM_LINK_CONFIG", "/v.toml");
    let serve = parsed("", &pretend).unwrap_or_else(|stop| panic!("{}", stop.text));
    assert_eq!(described(&serve), "serve /v.toml [] None None");
}

#[test]
fn arguments_that_make_no_sense_end_with_2() {
    for (line, says) in [
        ("--bogus", "unexpected argument '--bogus' found"),
        ("serve --provider zhipu", "unexpected argument '--provider' found"),
        ("restart", "<PROVIDER>"),
        ("--port 70000", "invalid value '70000'"),
        ("--log-level debug check", "cannot be used with"),
        ("teapot", "teapot"),
    ] {
        let Err(stop) = parsed(line, &Pretend::default()) else { panic!("{line} is taken") };
        assert_eq!(stop.code, 2, "{line}");
        assert!(stop.text.contains(says), "{line}: {}", stop.text);
    }
}

#[test]
fn help_and_version_end_well_and_the_help_is_as_reviewed() {
    for line in ["--help", "-h", "--version", "serve --help", "providers keys add --help", "ctl --help"] {
        let Err(stop) = parsed(line, &Pretend::default()) else { panic!("{line} is a command") };
        assert_eq!(stop.code, 0, "{line}");
    }
    let Err(version) = parsed("--version", &Pretend::default()) else { panic!("a command") };
    assert_eq!(version.text, format!("llm-link {}\n", env!("CARGO_PKG_VERSION")));
    let mut help = String::new();
    let mut root = <arguments::Arguments as CommandFactory>::command().term_width(100);
    help += &root.render_long_help().to_string();
    for name in ["serve", "check", "presets", "providers", "drain", "apply"] {
        let task = root.find_subcommand_mut(name).expect(name);
        help += &format!("\n==== {name}\n{}", task.clone().term_width(100).render_long_help());
    }
    assert_eq!(help, include_str!("help.txt"), "if this is meant, put the left side into cli/help.txt");
}

#[test]
fn say_writes_help_and_refusals_to_different_places() {
    for (line, on_out) in [("--help", true), ("--bogus", false)] {
        let Err(stop) = parsed(line, &Pretend::default()) else { panic!("{line} is a command") };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        stop.say(&mut out, &mut err);
        assert_eq!((out.is_empty(), err.is_empty()), (!on_out, on_out), "{line}");
    }
}

#[test]
fn check_tells_mistakes_or_meaning() {
    let bad = Pretend::default().with_file("a.toml", "[server]\nlistne = 1\n");
    assert_eq!(
        printed("check -c a.toml", &bad),
        "a.toml:2:1: unknown key `listne` in [server]; did you mean `listen`?\n    example: listen = [\"127.0.0.1:8080\"]\n\n1 mistake\n"
    );
    let text = "[[providers]]\nname = \"a\"\nbase_url = \"http://h:1\"\nkey = { env = \"K\" }\nmodels = [\"m\"]\n\
        [[providers]]\nname = \"b\"\npreset = \"demo\"\nenabled = false\n[[aliases]]\nname = \"f\"\ncandidates = [\"a/m\", \"b/demo\"]\n\
        [[apps]]\nname = \"web\"\nstrict = true\nkeys = [{ env = \"K\" }]";
    let good = Pretend::default().with_file("a.toml", text).with_env("K", "sk-secret");
    let expected = "a.toml: no mistakes\n\n\
        listen    http://127.0.0.1:8080, with an app's key\n\
        state     /var/lib/llm-link\n\
        sockets   /run/llm-link\n\
        provider  a (openai-compatible): openai-chat http://h:1/v1; 1 model, with a key\n\
        provider  b (demo): answers by itself; 1 model, without a key, disabled\n\
        alias     f = a/m, b/demo\n\
        app       web: 1 key, strict\n\
        warning   the key of provider `a` travels unencrypted to `http://h:1/v1`\n";
    assert_eq!(printed("check -c a.toml", &good), expected);
}

#[test]
fn presets_are_shown_to_people_and_programs() {
    let nothing = Pretend::default();
    let json =
        |line: &str| -> serde_json::Value { serde_json::from_str(&printed(line, &nothing)).expect(line) };
    let list = json("presets --json");
    assert_eq!(list.as_array().map(Vec::len), Some(protocol::preset::all().len()));
    let zhipu = json("presets zhipu --json");
    assert_eq!(zhipu["endpoints"][0]["base_url"], "https://open.bigmodel.cn/api/paas/v4");
    assert_eq!(zhipu["models"][5]["facts"]["context"], 200_000);
    assert_eq!(zhipu["auth"], "bearer");

    let text = printed("presets", &nothing);
    assert_eq!(text.lines().count(), protocol::preset::all().len() + 1);
    assert_eq!(
        printed("presets azure", &nothing),
        "Azure OpenAI\n\npreset            azure-openai\nalso              azure\nopenai-chat       (needs `base_url`)\n\
         openai-responses  (needs `base_url`)\nkey               needed, sent as api-key; from AZURE_OPENAI_API_KEY\n\n\
         [[providers]]\nname = \"azure-openai\"\npreset = \"azure-openai\"\nbase_url = \"https://...\"\nkey = { env = \"AZURE_OPENAI_API_KEY\" }\n"
    );
    assert_eq!(printed("presets zhipo", &nothing), "there is no preset `zhipo`; did you mean `zhipu`?\n");
    assert!(printed("--list-models", &nothing).lines().any(|line| line == "deepseek/deepseek-chat"));
}

#[test]
fn the_configuration_a_preset_shows_is_valid() {
    for preset in protocol::preset::all().iter().filter(|preset| !preset.needs_base_url()) {
        let shown = printed(&format!("presets {}", preset.id), &Pretend::default());
        let toml = &shown[shown.find("[[providers]]").expect("configuration")..];
        let mut pretend = Pretend::default().with_file("a.toml", toml);
        pretend = preset.env.iter().fold(pretend, |p, name| p.with_env(name, "k"));
        // The default listener is where one local server also is.
        let said = printed("check -c a.toml", &pretend);
        let local = preset.id == "llamacpp" && said.contains("where LLM Link itself listens");
        assert!(said.contains("no mistakes") || local, "{said}");
    }
}
