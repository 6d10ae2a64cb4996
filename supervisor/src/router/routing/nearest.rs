//! The names most like a wrong one, for an error text that helps.

/// Names looked at; a catalogue beyond that is listed by its first names.
const LOOKED_AT: usize = 512;
/// Characters compared of each name: bounds the work whatever a client sends.
const COMPARED: usize = 48;

/// Up to `count` of `names`, most alike first; equally alike ones keep their order.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let wanted: Vec<char> = fold(wanted);
    let mut scored: Vec<(usize, &str)> =
        names.take(LOOKED_AT).map(|n| (distance(&wanted, &fold(n)), n)).collect();
    scored.sort_by_key(|(distance, _)| *distance);
    scored.into_iter().take(count).map(|(_, name)| name).collect()
}

fn fold(name: &str) -> Vec<char> {
    name.chars().take(COMPARED).map(|c| c.to_ascii_lowercase()).collect()
}

/// Levenshtein's distance, where a piece that is contained whole counts as near.
fn distance(wanted: &[char], name: &[char]) -> usize {
    if !wanted.is_empty() && name.windows(wanted.len()).any(|w| w == wanted) {
        return 0;
    }
    let mut above: Vec<usize> = (0..=name.len()).collect();
    let mut row = vec![0; name.len() + 1];
    for (i, w) in wanted.iter().enumerate() {
        row[0] = i + 1;
        for (j, n) in name.iter().enumerate() {
            let replaced = above[j] + usize::from(w != n);
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
        }
        std::mem::swap(&mut above, &mut row);
    }
    above[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first() {
        let names = ["claude-sonnet", "gpt-4o", "gpt-4o-mini", "glm-4"];
        assert_eq!(nearest("gpt4o", names.into_iter(), 2), ["gpt-4o", "glm-4"]);
        assert_eq!(nearest("SONNET", names.into_iter(), 1), ["claude-sonnet"]);
    }

    #[test]
    fn a_very_long_name_is_cut_before_it_costs_anything() {
        let long = "x".repeat(1 << 20);
        assert_eq!(nearest(&long, ["a", "b"].into_iter(), 1), ["a"]);
    }

    #[test]
    fn an_empty_name_lists_the_shortest() {
        assert_eq!(nearest("", ["abc", "a"].into_iter(), 2), ["a", "abc"]);
    }
}
