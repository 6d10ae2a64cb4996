//! Access tokens: JWTs (HS256) that name a session and are good for minutes. What their bearer may do is not in
//! them: it is looked up each time, so that taking it away works at once.

use crate::store::UnixMs;
use crate::vault::secret::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use protocol::control::SecretText;
use serde::{Deserialize, Serialize};

/// How long an access token is good for.
pub(crate) const LIFE_MS: i64 = 10 * 60 * 1000;
/// Longer ones are not looked at.
const LONGEST: usize = 1024;
const ISSUER: &str = "llm-link";

/// Signs and verifies. The key is random, sealed in the store, and of no other use.
pub(crate) struct Signer {
    sign: EncodingKey,
    verify: DecodingKey,
    rules: Validation,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The user's name, for people who look into tokens; nothing is decided by it.
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
}

/// A token just made.
pub(crate) struct AccessToken {
    pub(crate) text: SecretText,
    pub(crate) expires: UnixMs,
}

/// Why a token is not good; people are told no more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToken {
    #[error("the access token has expired")]
    Expired,
    #[error("the access token is not valid")]
    Invalid,
}

/// The token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign an access token: {0}")]
pub(crate) struct SignError(#[from] jsonwebtoken::errors::Error);

impl Signer {
    pub(crate) fn new(key: &Secret) -> Signer {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The time is given to us, here as everywhere.
        rules.validate_exp = false;
        Signer {
            sign: EncodingKey::from_secret(key.expose()),
            verify: DecodingKey::from_secret(key.expose()),
            rules,
        }
    }

    /// A token for a session.
    pub(crate) fn sign(&self, session: &str, user: &str, now: UnixMs) -> Result<AccessToken, SignError> {
        let expires = now.plus_ms(LIFE_MS);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user.to_owned(),
            sid: session.to_owned(),
            iat: seconds(now),
            exp: seconds(expires),
        };
        let text = encode(&Header::new(Algorithm::HS256), &claims, &self.sign)?;
        Ok(AccessToken { text: SecretText::new(text), expires: UnixMs(claims.exp * 1000) })
    }

    /// The session a token names. Whether that one is still on is for the caller to look up.
    pub(crate) fn session(&self, token: &SecretText, now: UnixMs) -> Result<String, BadToken> {
        let text = token.expose();
        if text.len() > LONGEST {
            return Err(BadToken::Invalid);
        }
        let claims = decode::<Claims>(text, &self.verify, &self.rules).map_err(|_| BadToken::Invalid)?.claims;
        if claims.exp <= seconds(now) {
            return Err(BadToken::Expired);
        }
        Ok(claims.sid)
    }
}

fn seconds(at: UnixMs) -> i64 {
    at.0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    fn signer(fill: u8) -> Signer {
        Signer::new(&Secret::new(vec![fill; 32]))
    }

    fn text(token: &AccessToken) -> String {
        token.text.expose().to_owned()
    }

    #[test]
    fn a_token_names_its_session_until_it_expires() {
        let token = signer(1).sign("s1", "ann", NOW).unwrap();
        assert_eq!(token.expires, NOW.plus_ms(LIFE_MS));
        let at = |at| signer(1).session(&token.text, at);
        assert_eq!(at(NOW), Ok("s1".to_owned()));
        assert_eq!(at(NOW.plus_ms(LIFE_MS - 1000)), Ok("s1".to_owned()));
        assert_eq!(at(NOW.plus_ms(LIFE_MS)), Err(BadToken::Expired));
    }

    #[test]
    fn tokens_of_others_are_refused() {
        let foreign = signer(2).sign("s1", "ann", NOW).unwrap();
        assert_eq!(signer(1).session(&foreign.text, NOW), Err(BadToken::Invalid));
        for junk in ["", ".", "a.b.c", &"x".repeat(5000)] {
            assert_eq!(signer(1).session(&SecretText::new(junk.to_owned()), NOW), Err(BadToken::Invalid));
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let good = text(&signer(1).sign("s1", "ann", NOW).unwrap());
        // The last character holds two bits that decoders ignore or refuse; all others count.
        for at in 0..good.len() - 1 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = SecretText::new(String::from_utf8(bytes).unwrap());
            assert_eq!(signer(1).session(&changed, NOW), Err(BadToken::Invalid), "byte {at}");
        }
    }

    #[test]
    fn no_other_algorithm_is_believed() {
        let claims = json!({"iss": ISSUER, "sub": "ann", "sid": "s1", "iat": 0, "exp": 4_000_000_000_i64});
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = format!("{}.{}.", part(json!({"alg": "none", "typ": "JWT"})), part(claims.clone()));
        assert_eq!(signer(1).session(&SecretText::new(none), NOW), Err(BadToken::Invalid));
        let key = EncodingKey::from_secret(&[1; 32]);
        let other = encode(&Header::new(Algorithm::HS512), &claims, &key).unwrap();
        assert_eq!(signer(1).session(&SecretText::new(other), NOW), Err(BadToken::Invalid));
    }
}
