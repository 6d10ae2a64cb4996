//! Which preset a provider of an old file is, and what it is called here.

use protocol::preset::{self, BaseUrl, Preset};

/// The preset whose address has this host; the one whose path fits best if there are several.
pub(super) fn by_address(url: &str) -> Option<&'static Preset> {
    let wanted = BaseUrl::parse(url).ok()?;
    // On this machine anything can be at any port.
    if matches!(wanted.host(), "localhost" | "127.0.0.1" | "::1" | "[::1]") {
        return None;
    }
    let common = |preset: &Preset| {
        let addresses = preset.endpoints.iter().filter_map(|endpoint| endpoint.base_url.as_deref());
        let same = addresses
            .filter_map(|url| BaseUrl::parse(url).ok())
            .filter(|known| known.host() == wanted.host());
        same.map(|known| common_length(known.path(), wanted.path())).max()
    };
    let mut fitting: Vec<(usize, &Preset)> =
        preset::all().iter().filter_map(|preset| Some((common(preset)?, preset))).collect();
    // The first of the best: rows stand in order of preference.
    fitting.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    fitting.first().map(|(_, preset)| *preset)
}

fn common_length(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// The address says nothing that the preset does not say: with and without a version at its end.
pub(super) fn is_presets_own(url: &str, preset: &Preset) -> bool {
    let Ok(wanted) = BaseUrl::parse(url) else { return false };
    let known =
        preset.endpoints.iter().filter_map(|endpoint| BaseUrl::parse(endpoint.base_url.as_deref()?).ok());
    let same = |known: BaseUrl| {
        let place = known.host() == wanted.host()
            && known.port() == wanted.port()
            && known.scheme() == wanted.scheme();
        let (short, long) = (wanted.path().trim_matches('/'), known.path().trim_matches('/'));
        place && (short.is_empty() || short == long || known.unversioned().path().trim_matches('/') == short)
    };
    known.into_iter().any(same)
}

/// A name as providers and apps may have it, made of any text.
pub(super) fn plain(text: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c.to_ascii_lowercase() } else { '-' }
    };
    let name: String = text.chars().map(fit).take(63).collect();
    let name = name.trim_matches(['-', '.', '_']).to_owned();
    if name.is_empty() { "imported".to_owned() } else { name }
}

/// The name, or the next with a number that nobody has.
pub(super) fn free(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2u32..).map(|n| format!("{name}-{n}")).find(|numbered| !taken(numbered));
    numbered.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_their_vendors() {
        let id = |url: &str| by_address(url).map(|preset| preset.id.as_str());
        for (url, expected) in [
            ("https://api.deepseek.com", Some("deepseek")),
            ("https://api.deepseek.com/v1", Some("deepseek")),
            ("https://dashscope.aliyuncs.com/compatible-mode/v1", Some("aliyun")),
            ("https://ark.cn-beijing.volces.com/api/v3", Some("volcengine")),
            ("https://api.moonshot.cn/v1", Some("moonshot")),
            ("https://open.bigmodel.cn/api/paas/v4", Some("zhipu")),
            ("https://open.bigmodel.cn/api/coding/paas/v4", Some("zhipu-coding")),
            ("https://llm.example.com/v1", None),
            ("http://localhost:11434", None),
            ("nonsense", None),
        ] {
            assert_eq!(id(url), expected, "{url}");
        }
    }

    #[test]
    fn names_are_made_fit() {
        assert_eq!(plain("My Provider!"), "my-provider");
        assert_eq!(plain("智谱"), "imported");
        assert_eq!(free("a", |name| name == "a" || name == "a-2"), "a-3");
    }
}
