//! Names with `*` for any characters, as operators write them: `gpt-*`.

/// True if the whole of `name` is like `pattern`. Linear in both for the patterns people write.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last star does not fit here.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            (p, n) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// True if any of them is like it, or there are none.
pub(crate) fn any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::{any, matches};
    use proptest::prelude::{prop, prop_assert, proptest};

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name) in
            [("gpt-*", "gpt-4o"), ("*", ""), ("*", "x"), ("a*b*c", "a-b-b-c"), ("m", "m"), ("**x", "x")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("gpt-*", "claude"), ("", "x"), ("a*c", "ab"), ("m", "mm"), ("*x", "xy")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(any(&[], "anything") && !any(&["a".to_owned()], "b"));
    }

    proptest! {
        #[test]
        fn a_name_with_pieces_cut_out_still_matches(
            name in "[a-c]{0,12}",
            cuts in prop::collection::vec((0usize..12, 0usize..4), 0..3),
        ) {
            let mut pattern = name.clone();
            for (at, len) in cuts {
                let at = at.min(pattern.len());
                let end = (at + len).min(pattern.len());
                pattern.replace_range(at..end, "*");
            }
            prop_assert!(matches(&pattern, &name), "{pattern} {name}");
            let longer = format!("{name}z");
            prop_assert!(pattern.ends_with('*') || !matches(&pattern, &longer));
        }
    }
}
