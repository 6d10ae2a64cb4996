//! The steps, and what they leave behind below another root.

use super::place::Place;
use super::plan::{Step, files, removals, start};
use super::shell::Shell;
use std::path::{Path, PathBuf};

fn user() -> Place {
    let env = |name: &str| (name == "HOME").then(|| "/home/ada".to_owned());
    Place::of_user(&env).unwrap()
}

fn paths(steps: &[Step]) -> Vec<String> {
    let path = |step: &Step| match step {
        Step::Executable { to, .. } => Some(to.display().to_string()),
        Step::File { path, .. } | Step::FileOnce { path, .. } | Step::Gone(path) => {
            Some(path.display().to_string())
        }
        Step::Run { .. } | Step::Try { .. } => None,
    };
    steps.iter().filter_map(path).collect()
}

#[test]
fn what_is_installed_is_what_is_removed_but_for_the_configuration() {
    for place in [Place::of_machine(), user()] {
        let mut put = paths(&files(&place, Path::new("/tmp/llm-link")));
        put.retain(|path| *path != place.configuration.display().to_string());
        let mut taken = paths(&removals(&place));
        put.sort();
        taken.sort();
        assert_eq!(put, taken);
    }
    assert!(Place::of_user(&|_| None).is_none());
}

#[test]
fn a_users_service_is_in_their_home_and_asks_their_manager() {
    let place = user();
    assert!(paths(&files(&place, Path::new("/x"))).iter().all(|path| path.starts_with("/home/ada/")));
    let all_user = start(&place).iter().all(|step| {
        matches!(step, Step::Run { program: "systemctl", arguments } if arguments.first().is_some_and(|a| a == "--user"))
    });
    assert!(all_user);
}

#[test]
fn an_installation_below_another_root_can_be_repeated_and_undone() {
    let root = tempfile::tempdir().unwrap();
    let shell = Shell::new(Some(root.path().to_owned()));
    let place = Place::of_machine();
    let executable = std::env::current_exe().unwrap();
    let below = |path: &Path| root.path().join(path.strip_prefix("/").unwrap());
    for _ in 0..2 {
        files(&place, &executable).iter().for_each(|step| shell.take(step).unwrap());
        std::fs::write(below(&place.configuration), "mine").unwrap();
    }
    assert_eq!(std::fs::read_to_string(below(&place.configuration)).unwrap(), "mine");
    assert!(below(&place.executable).is_file());
    removals(&place).iter().for_each(|step| shell.take(step).unwrap());
    let left: Vec<PathBuf> = walk(root.path());
    assert_eq!(left, [below(&place.configuration)]);
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
