//! What the demo provider says, and in how many pieces.

/// Longest part of the user's words that is repeated, in characters.
const QUOTE: usize = 400;

/// A friendly answer in the user's language, as far as that is Chinese or English.
pub(super) fn to_user(said: &str) -> String {
    let said = said.trim();
    match (said.is_empty(), is_chinese(said)) {
        (true, _) => format!("Hello! {HOW_TO}"),
        (false, true) => format!("你好！你说的是：“{}”。{HOW_TO_CHINESE}", quote(said)),
        (false, false) => format!("Hello! You said: “{}”. {HOW_TO}", quote(said)),
    }
}

/// The answer after a tool was called.
pub(super) fn to_tool(said: &str) -> String {
    if is_chinese(said) {
        format!("工具返回了：“{}”。{HOW_TO_CHINESE}", quote(said.trim()))
    } else {
        format!("The tool answered: “{}”. {HOW_TO}", quote(said.trim()))
    }
}

const HOW_TO: &str = "This is the demo provider of LLM Link: it works offline and makes this sentence by \
    itself. For real answers, add a provider with its key to the configuration file; \
    `llm-link providers list` shows the ones that are known.";
const HOW_TO_CHINESE: &str = "这是 LLM Link 的演示提供商：它离线工作，这句话是它自己生成的。想要真正的回答，请在配置文件里\
    添加一个提供商和它的密钥；`llm-link providers list` 会列出已知的提供商。";

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

fn quote(said: &str) -> String {
    match said.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// Exactly that many bytes of words.
pub(super) fn filler(bytes: usize) -> String {
    const WORDS: &str = "every provider runs in a process of its own ";
    WORDS.chars().cycle().take(bytes).collect()
}

/// The text cut to at most that many bytes, between characters.
pub(super) fn shorten(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}

/// The text in pieces that together are the text: `count` of them, none empty unless there are more pieces
/// than characters; or without a count one per word.
pub(super) fn pieces(text: &str, count: Option<usize>) -> Vec<&str> {
    match count {
        None => words(text),
        Some(count) => {
            if text.is_ascii() {
                let end = |n: usize| text.len() * n / count;
                return (0..count).map(|n| &text[end(n)..end(n + 1)]).collect();
            }
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let end = |n: usize| ends[(ends.len() - 1) * n / count];
            (0..count).map(|n| &text[end(n)..end(n + 1)]).collect()
        }
    }
}

/// Words with the space before them; scripts without spaces in runs of four characters.
fn words(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut run) = (0, 0);
    for (at, c) in text.char_indices() {
        let breaks = c.is_whitespace() || (run >= 4 && !c.is_ascii());
        if breaks && at > from {
            pieces.push(&text[from..at]);
            (from, run) = (at, 0);
        }
        run += 1;
    }
    if from < text.len() {
        pieces.push(&text[from..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "\\PC{0,60}", count in 1usize..80) {
            let cut = pieces(&text, Some(count));
            prop_assert_eq!(cut.len(), count);
            prop_assert_eq!(cut.concat(), text.clone());
            let full = cut.iter().filter(|p| !p.is_empty()).count();
            prop_assert_eq!(full, count.min(text.chars().count()));
            let by_word = words(&text);
            prop_assert!(by_word.iter().all(|p| !p.is_empty()));
            prop_assert_eq!(by_word.concat(), text);
        }
    }

    #[test]
    fn it_answers_in_the_users_language_and_repeats_little() {
        assert!(to_user("hello there").starts_with("Hello! You said: “hello there”."));
        assert!(to_user("你好").contains("你说的是：“你好”"));
        assert!(to_user(&"x".repeat(10_000)).len() < 1000);
        assert_eq!(filler(1000).len(), 1000);
    }
}
