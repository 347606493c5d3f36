use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Bed, PASSWORD};
use crate::identity::tokens::{self, AccessToken};

const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

struct Forge {
    key: [u8; 32],
    claims: Value,
}

impl Forge {
    /// A token with this header and these claims, signed as ours are.
    fn token(&self, header: &str, claims: &Value) -> String {
        self.signed(&format!("{}.{}", encode(header), encode(&claims.to_string())))
    }

    fn signed(&self, signed: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.token(HEADER, &claims)
    }

    fn without(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        self.token(HEADER, &claims)
    }
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn no_forged_token_counts() {
    let bed = Bed::new().await;
    bed.ada().await;
    let good = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let read = tokens::verify(&bed.services, &good.access_token).unwrap();
    assert_eq!(
        read,
        AccessToken {
            user: good.user,
            session: good.session,
            organization: good.organization,
            expires_at: good.access_expires_at
        }
    );
    let parts: Vec<&str> = good.access_token.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let key = bed.services.settings().secret_key.derive("access-token");
    let ours = Forge { key, claims: claims.clone() };
    let theirs = Forge { key: [0; 32], claims: claims.clone() };
    assert_eq!(tokens::verify(&bed.services, &ours.token(HEADER, &claims)), Ok(read), "the forge works");
    let now = bed.services.now().0 / 1_000;
    let header = |text: &str| ours.token(text, &claims);
    let [head, body, signature] = parts[..] else { unreachable!() };
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[0] ^= 1;
    let other_body = encode(&json!({"sub": "usr_00000000000000000000000000"}).to_string());
    let forged = [
        // No signature, or another one.
        ("alg none", format!("{}.{body}.", encode(r#"{"alg":"none","typ":"at+jwt"}"#))),
        ("alg None", format!("{}.{body}.", encode(r#"{"alg":"None"}"#))),
        ("alg none, signed", header(r#"{"alg":"none","typ":"at+jwt"}"#)),
        ("no signature", format!("{head}.{body}.")),
        ("no third part", format!("{head}.{body}")),
        ("a flipped bit", format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(&flipped))),
        ("a short signature", format!("{head}.{body}.{}", &signature[..20])),
        ("the signature of zeros", format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode([0; 32]))),
        ("padded", format!("{head}.{body}.{}", URL_SAFE.encode(URL_SAFE_NO_PAD.decode(signature).unwrap()))),
        ("another body", format!("{head}.{other_body}.{signature}")),
        ("another key", theirs.token(HEADER, &claims)),
        ("the key of another purpose", {
            let key = bed.services.settings().secret_key.derive("refresh-token");
            Forge { key, claims: claims.clone() }.token(HEADER, &claims)
        }),
        // Another header, although signed with our key.
        ("alg HS384", header(r#"{"alg":"HS384","typ":"at+jwt"}"#)),
        ("alg HS512", header(r#"{"alg":"HS512","typ":"at+jwt"}"#)),
        ("alg RS256", header(r#"{"alg":"RS256","typ":"at+jwt"}"#)),
        ("alg ES256", header(r#"{"alg":"ES256","typ":"at+jwt"}"#)),
        ("alg EdDSA", header(r#"{"alg":"EdDSA","typ":"at+jwt"}"#)),
        ("alg hs256", header(r#"{"alg":"hs256","typ":"at+jwt"}"#)),
        ("typ JWT", header(r#"{"alg":"HS256","typ":"JWT"}"#)),
        ("no typ", header(r#"{"alg":"HS256"}"#)),
        ("no alg", header(r#"{"typ":"at+jwt"}"#)),
        ("kid a path", header(r#"{"alg":"HS256","typ":"at+jwt","kid":"../../dev/null"}"#)),
        ("kid a query", header(r#"{"alg":"HS256","typ":"at+jwt","kid":"x' union select 1"}"#)),
        ("jku", header(r#"{"alg":"HS256","typ":"at+jwt","jku":"https://evil.example/keys"}"#)),
        ("jwk", header(r#"{"alg":"HS256","typ":"at+jwt","jwk":{"kty":"oct","k":"AA"}}"#)),
        ("x5u", header(r#"{"alg":"HS256","typ":"at+jwt","x5u":"https://evil.example/cert"}"#)),
        ("x5c", header(r#"{"alg":"HS256","typ":"at+jwt","x5c":["AA"]}"#)),
        ("crit", header(r#"{"alg":"HS256","typ":"at+jwt","crit":["exp"]}"#)),
        ("b64 false", header(r#"{"alg":"HS256","typ":"at+jwt","b64":false}"#)),
        ("two algs", header(r#"{"alg":"HS256","alg":"none","typ":"at+jwt"}"#)),
        ("the header written otherwise", header(r#"{"typ":"at+jwt","alg":"HS256"}"#)),
        // Other claims, although signed with our key.
        ("another issuer", ours.with("iss", json!("https://evil.example"))),
        ("another audience", ours.with("aud", json!("another-api"))),
        ("a list of audiences", ours.with("aud", json!(["sluice-api"]))),
        ("expired", ours.with("exp", json!(now - 60))),
        ("exp a text", ours.with("exp", json!("9999999999"))),
        ("exp beyond ten minutes", ours.with("exp", json!(now + 86_400))),
        ("not yet", ours.with("nbf", json!(now + 60))),
        ("made in the future", ours.with("iat", json!(now + 60))),
        ("no exp", ours.without("exp")),
        ("no nbf", ours.without("nbf")),
        ("no session", ours.without("sid")),
        ("no organization", ours.without("org")),
        ("the id of another kind", ours.with("sub", json!(good.session))),
        ("a further claim", ours.with("admin", json!(true))),
        // Not a token at all.
        ("empty", String::new()),
        ("dots", "...".to_owned()),
        ("five parts", format!("{head}.{body}.{signature}.{body}.{signature}")),
        ("other alphabet", format!("{head}.{}.{signature}", STANDARD.encode(b"{\"a\":\"??>>\"}"))),
        ("with a space", format!(" {}", good.access_token)),
        ("a refresh token", good.refresh_token.clone()),
        ("huge", format!("{head}.{}.{signature}", "A".repeat(100_000))),
    ];
    assert!(forged.len() >= 40);
    for (name, token) in forged {
        assert!(tokens::verify(&bed.services, &token).is_err(), "{name}: {token}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_ten_minutes_and_some_seconds_between_clocks() {
    let bed = Bed::new().await;
    bed.ada().await;
    let signed_in = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    assert_eq!(signed_in.access_expires_at, bed.services.now().plus(tokens::LIFETIME));
    bed.advance(tokens::LIFETIME + Duration::from_secs(9));
    assert!(tokens::verify(&bed.services, &signed_in.access_token).is_ok());
    bed.advance(Duration::from_secs(1));
    assert!(tokens::verify(&bed.services, &signed_in.access_token).is_err());
}
