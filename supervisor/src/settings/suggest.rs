//! "Did you mean ...?": the nearest of a set of words.

/// The word nearest to `typed`, if it is near enough to be a slip of the finger.
pub(crate) fn nearest<'w>(typed: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let typed: Vec<char> = typed.to_lowercase().chars().take(64).collect();
    let reach = (typed.len() / 3).min(3);
    words
        .into_iter()
        .map(|word| (distance(&typed, &word.to_lowercase().chars().collect::<Vec<_>>()), word))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `; did you mean ...?` or nothing, to end a sentence with.
pub(crate) fn did_you_mean<'w>(typed: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    nearest(typed, words).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["listen", "open", "priority", "state_dir"];
        assert_eq!(nearest("listne", words), Some("listen"));
        assert_eq!(nearest("prioritty", words), Some("priority"));
        assert_eq!(nearest("statedir", words), Some("state_dir"));
        assert_eq!(nearest("OPEN", words), Some("open"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("b", ["a"]), None, "short names are not slips of each other");
        assert_eq!(did_you_mean("opn", words), "; did you mean `open`?");
        assert_eq!(did_you_mean("zzz", words), "");
    }
}
