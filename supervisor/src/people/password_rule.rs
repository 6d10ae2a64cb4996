//! Which passwords are taken (pure): long enough, not the name, not one that everybody tries first. No rule
//! about kinds of characters: those make passwords worse (NIST SP 800-63B, 5.1.1.2).

/// The fewest characters.
const LEAST: usize = 8;
/// The most bytes; more is no safer and costs time.
const MOST: usize = 1024;
/// The fewest different characters.
const VARIETY: usize = 4;

/// The head of every list of stolen passwords, as far as it is long enough; without regard to case.
const WELL_KNOWN: [&str; 40] = [
    "12345678",
    "123456789",
    "1234567890",
    "11111111",
    "00000000",
    "87654321",
    "88888888",
    "12341234",
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "qwerty12",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "q1w2e3r4",
    "zaq12wsx",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "letmein1",
    "welcome1",
    "welcome123",
    "admin123",
    "administrator",
    "changeme",
    "changeme123",
    "asdfghjkl",
    "llm-link",
];

/// What is wrong with a password for that user, to be read after "the password"; nothing if it will do.
pub(crate) fn objection(password: &str, user: &str) -> Option<String> {
    let (folded, user) = (password.to_lowercase(), user.to_lowercase());
    if password.chars().count() < LEAST {
        return Some(format!("must have at least {LEAST} characters"));
    }
    if password.len() > MOST {
        return Some(format!("must have at most {MOST} bytes"));
    }
    let mut kinds: Vec<char> = password.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < VARIETY {
        return Some(format!("must have at least {VARIETY} different characters"));
    }
    let is_name = !user.is_empty() && (folded == user || folded == user.chars().rev().collect::<String>());
    if is_name {
        return Some("must not be the user's name".to_owned());
    }
    WELL_KNOWN.contains(&folded.as_str()).then(|| "is one of those that are tried first".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_ones_are_named_and_others_taken() {
        for bad in
            ["", "short", "aaaaaaaa", "abababab", "PassWord123", "annabella", "allebanna", &"x y".repeat(400)]
        {
            assert!(objection(bad, "Annabella").is_some(), "{bad}");
        }
        for good in ["correct horse", "密码密碼很长很安全啊", "tr0ub4dor&3", "        a b c"] {
            assert_eq!(objection(good, "ann"), None, "{good}");
        }
    }
}
