//! Keys of an issuer, and signatures made with them. The key decides about the algorithm, never the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of this name; everything else is refused, `none` and the symmetric ones above all.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A public key that signs tokens.
#[derive(Debug, Clone)]
pub(super) struct Key {
    kid: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether this key signed `message`.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        }
        .is_ok()
    }
}

/// The keys of an issuer that can sign tokens. Others, such as for encryption, are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<Key>);

/// Keys that are looked at; no issuer has that many.
const MAX_KEYS: usize = 100;

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JSON Web Key Set (RFC 7517).
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let Jwks { keys } = serde_json::from_slice(text)?;
        let read = keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.read());
        Ok(Self(read.collect()))
    }

    /// The one key for this algorithm with this id; without an id, the only key for it.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithm() == algorithm && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)));
        fitting.next().filter(|_one| fitting.next().is_none())
    }
}

impl Jwk {
    fn read(self) -> Option<Key> {
        let is_for_signatures = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
        let bytes = |member: &Option<String>| URL_SAFE_NO_PAD.decode(member.as_ref()?).ok();
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => Material::Rsa { n: unsigned(bytes(&self.n)?), e: unsigned(bytes(&self.e)?) },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                // Uncompressed, as SEC 1 writes a point.
                (x.len() == 32 && y.len() == 32).then(|| Material::P256([vec![4], x, y].concat()))?
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&self.x)?),
            _ => return None,
        };
        let key = Key { kid: self.kid, material };
        let is_of_its_algorithm =
            self.alg.as_deref().is_none_or(|name| Algorithm::by_name(name) == Some(key.algorithm()));
        (is_for_signatures && is_of_its_algorithm).then_some(key)
    }
}

/// A number without leading zeros, which some issuers send.
fn unsigned(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_id_and_its_own_algorithm_alone() {
        let x = "A".repeat(43);
        let set = format!(
            r#"{{"keys":[
                {{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{x}"}},
                {{"kty":"EC","crv":"P-256","kid":"b","x":"{x}","y":"{x}"}},
                {{"kty":"EC","crv":"P-256","kid":"short","x":"AA","y":"AA"}},
                {{"kty":"OKP","crv":"Ed25519","kid":"enc","use":"enc","x":"{x}"}},
                {{"kty":"RSA","kid":"pss","alg":"PS256","n":"AQAB","e":"AQAB"}},
                {{"kty":"oct","kid":"secret","k":"AAAA"}},
                {{"kty":7}}
            ]}}"#
        );
        let keys = KeySet::parse(set.as_bytes()).unwrap();
        assert!(keys.find(Some("a"), Algorithm::EdDsa).is_some());
        assert!(keys.find(None, Algorithm::EdDsa).is_some());
        assert!(keys.find(Some("a"), Algorithm::Es256).is_none());
        assert!(keys.find(Some("b"), Algorithm::Es256).is_some());
        for unusable in ["short", "enc", "pss", "secret", "c"] {
            for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
                assert!(keys.find(Some(unusable), algorithm).is_none(), "{unusable}");
            }
        }
        assert!(KeySet::parse(b"[]").is_err());
    }

    #[test]
    fn without_an_id_several_keys_are_none() {
        let key = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, "A".repeat(43));
        let keys = KeySet::parse(format!(r#"{{"keys":[{key},{key}]}}"#).as_bytes()).unwrap();
        assert!(keys.find(None, Algorithm::EdDsa).is_none());
    }

    #[test]
    fn only_three_algorithms_have_names() {
        for refused in ["none", "None", "HS256", "RS512", "PS256", "ES384", "rs256", ""] {
            assert_eq!(Algorithm::by_name(refused), None, "{refused}");
        }
    }
}
