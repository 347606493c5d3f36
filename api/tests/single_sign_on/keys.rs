//! Keys of an identity provider, and what they sign.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::Sha256;

/// A key of 2,048 bits that signs nothing but the tokens of these tests: PKCS#8 in base64.
const RSA: &str = include_str!("rsa_for_tests.txt");

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Rs256,
    Es256,
    EdDsa,
    /// `alg: none`, without a signature.
    None,
    /// HMAC with the bytes of the RSA key's modulus, which everybody knows.
    HmacOfPublicKey,
    /// ES256 with a key that the issuer does not have, under the id of the one that it has.
    Stranger,
    /// EdDSA, under the id of the key for ES256.
    KidOfAnother,
}

pub struct Keys {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    random: SystemRandom,
}

fn p256(random: &SystemRandom) -> EcdsaKeyPair {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), random).unwrap()
}

pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Keys {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(&STANDARD.decode(RSA.trim()).unwrap()).unwrap(),
            p256: p256(&random),
            stranger: p256(&random),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap(),
            random,
        }
    }

    fn rsa_public(&self) -> PublicKeyComponents<Vec<u8>> {
        PublicKeyComponents::from(self.rsa.public())
    }

    /// The key set of the issuer.
    pub fn published(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        let PublicKeyComponents { n, e } = self.rsa_public();
        json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "use": "sig", "n": encoded(n), "e": encoded(e) },
            { "kty": "EC", "crv": "P-256", "kid": "p256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) },
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encoded(self.ed25519.public_key()) },
        ] })
    }

    /// A token that says `claims`.
    pub fn token(&self, sign: Sign, header: &Value, claims: &Value) -> String {
        let (alg, kid) = match sign {
            Sign::Rs256 => ("RS256", "rsa"),
            Sign::Es256 | Sign::Stranger => ("ES256", "p256"),
            Sign::EdDsa => ("EdDSA", "ed"),
            Sign::None => ("none", "p256"),
            Sign::HmacOfPublicKey => ("HS256", "rsa"),
            Sign::KidOfAnother => ("EdDSA", "p256"),
        };
        let mut full = json!({ "typ": "JWT", "alg": alg, "kid": kid });
        for (name, value) in header.as_object().unwrap() {
            full[name] = value.clone();
        }
        let signed = format!("{}.{}", encoded(full.to_string()), encoded(claims.to_string()));
        let signature = encoded(self.signature(sign, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn signature(&self, sign: Sign, message: &[u8]) -> Vec<u8> {
        match sign {
            Sign::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature).unwrap();
                signature
            }
            Sign::Es256 => self.p256.sign(&self.random, message).unwrap().as_ref().to_vec(),
            Sign::Stranger => self.stranger.sign(&self.random, message).unwrap().as_ref().to_vec(),
            Sign::EdDsa | Sign::KidOfAnother => self.ed25519.sign(message).as_ref().to_vec(),
            Sign::None => Vec::new(),
            Sign::HmacOfPublicKey => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&self.rsa_public().n).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}
