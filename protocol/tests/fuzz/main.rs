//! What fuzzing once found, and what it begins with, tried again: every file of `corpus/SUBJECT` and every fixture.
//! Finding more is run.sh's part.

#[cfg(test)]
mod conversation;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod subject;

#[cfg(test)]
mod replay {
    use super::subject;
    use std::path::{Path, PathBuf};

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn what_was_found_stays_mended() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        let known = subject::names();
        for folder in files(&corpus) {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(known.contains(&name.as_str()), "{name} is no subject");
            let subject = subject::named(&name).unwrap();
            files(&folder).iter().for_each(|file| subject(&std::fs::read(file).unwrap()));
        }
    }

    #[test]
    fn the_fixtures_keep_the_laws_of_fuzzing() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut tried = 0;
        for folder in files(&fixtures) {
            let Some(subject) = subject::named(folder.file_name().unwrap().to_str().unwrap()) else {
                continue;
            };
            for file in files(&folder) {
                let text = std::fs::read(&file).unwrap();
                let kind: &[&[u8]] = match file.to_str().unwrap() {
                    name if name.ends_with(".request.json") => &[b"r"],
                    name if name.ends_with(".response.json") => &[b"d", b"f\x64"],
                    _ => &[b"s\x80\x00", b"s\x20\x01", b"s\x40\x02", b"s\xf0\x03", b"s\xff\x04"],
                };
                for head in kind {
                    subject(&[head, text.as_slice()].concat());
                    tried += 1;
                }
            }
        }
        assert!(tried > 50, "{tried} fixtures");
    }
}
