//! `X-Registry-Auth`: the credentials a client sends along.

use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use stead_engine::image::Login;
use stead_engine::image::access::Auth;

use crate::ask::Ask;

/// Longest credentials in a body, the old place for them.
const BODY_MAX: u64 = 64 * 1024;
/// With or without padding, as clients have it.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The credentials of a request; what cannot be read is nobody's, as in Docker. This process' own are never used for a client.
pub(crate) fn login_of(ask: &Ask) -> Auth {
    Auth::Given(ask.header("x-registry-auth").and_then(decode))
}

/// The same, looked for in the body too, where clients of old put it.
pub(super) fn login_or_body(ask: &mut Ask) -> Auth {
    if ask.header("x-registry-auth").is_some_and(|value| !value.is_empty()) {
        return login_of(ask);
    }
    let mut text = Vec::new();
    // A body that breaks off says nothing.
    let read = ask.body().take(BODY_MAX).read_to_end(&mut text);
    Auth::Given(read.ok().and_then(|_| Login::read(&text).ok()).and_then(|(login, _)| login))
}

fn decode(header: &str) -> Option<Login> {
    let safe = header.trim().replace('+', "-").replace('/', "_");
    let json = LENIENT.decode(safe).ok()?;
    Login::read(&json).ok()?.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alphabet_and_padding_is_taken() {
        let json = r#"{"username":"u>?","password":"p"}"#;
        let standard = base64::engine::general_purpose::STANDARD.encode(json);
        let url = base64::engine::general_purpose::URL_SAFE.encode(json);
        for text in [standard.as_str(), url.as_str(), url.trim_end_matches('=')] {
            assert_eq!(decode(text).unwrap().user, "u>?", "{text}");
        }
        for bad in ["", "e30=", "%%", "bnVsbA==", "W10="] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }
}
