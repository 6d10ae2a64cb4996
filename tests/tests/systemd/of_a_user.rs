//! The service of one user, without root: under that user's own systemd.

use crate::PROMPT;
use crate::nested::{Nested, has_program};
use anyhow::{Result, ensure};
use tests::stack::{limit, say};
use tests::wait;

const HOME: &str = "/home/ada";

/// An account with a home and a manager of its own, as a login makes it.
fn move_in(nested: &Nested) -> Result<()> {
    nested.run(&format!(
        "useradd --create-home --home-dir {HOME} --uid 1501 ada \
         && install -d -o ada -g ada -m 700 /run/user/1501 \
         && systemd-run --quiet --unit=ada --uid=1501 --gid=1501 -p Delegate=yes -p Type=notify \
            --setenv=HOME={HOME} --setenv=XDG_RUNTIME_DIR=/run/user/1501 /lib/systemd/systemd --user"
    ))?;
    Ok(())
}

fn as_ada(nested: &Nested, command: &str) -> Result<String> {
    nested.run(&format!(
        "cd {HOME} && HOME={HOME} XDG_RUNTIME_DIR=/run/user/1501 \
         setpriv --reuid=1501 --regid=1501 --clear-groups {command}"
    ))
}

#[tokio::test]
async fn a_user_has_a_service_of_their_own() -> Result<()> {
    if !["useradd", "setpriv"].iter().all(|name| has_program(name)) {
        say("skipped: it needs useradd and setpriv");
        return Ok(());
    }
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    move_in(&nested)?;
    nested.run(&format!("chmod 755 {}", nested.path().display()))?;
    let program = nested.executable()?;
    let program = program.display();
    let said = as_ada(&nested, &format!("{program} install --user"))?;
    say(&said);
    assert!(said.contains("/setup#token="), "no link to the console: {said}");
    nested.answers()?;
    let owner = nested.run(&format!("stat -c %U:%a {HOME}/.local/state/llm-link/master.key"))?;
    assert_eq!(owner.trim(), "ada:600");
    let status = as_ada(&nested, &format!("{HOME}/.local/bin/llm-link status"))?;
    assert!(status.contains("demo") && status.contains("full"), "{status}");
    // Stopped, the socket wakes it; read again, it goes on.
    as_ada(&nested, "systemctl --user stop llm-link.service")?;
    nested.answers()?;
    as_ada(&nested, "systemctl --user reload llm-link")?;
    let main = as_ada(&nested, "systemctl --user show -p MainPID --value llm-link.service")?;
    let main = main.trim();
    let tree = nested.run(&format!("cat /proc/{main}/task/{main}/children"))?;
    as_ada(&nested, &format!("{program} uninstall --user"))?;
    let gone = || nested.left(&format!("{main} {tree}")).is_ok_and(|left| left.is_empty());
    wait::holds("the end of every process", limit(PROMPT), gone).await?;
    nested.run(&format!(
        "cd {HOME} && test -z \"$(find .config/systemd .local/bin -type f -name 'llm-link*')\""
    ))?;
    nested.run(&format!(
        "cd {HOME} && test -s .config/llm-link/llm-link.toml && test -s .local/state/llm-link/config.db"
    ))?;
    ensure!(nested.get("/health").is_err(), "somebody still listens");
    Ok(())
}
