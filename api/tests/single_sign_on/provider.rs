//! An identity provider in memory, which answers as the specification says, or as it is told to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use service::Clock;
use service::identity::oidc::{Call, Reply, Transport, TransportError};
use sha2::{Digest, Sha256, Sha512};

use crate::single_sign_on::keys::{Keys, Sign, encoded};

/// What the provider does otherwise than it should.
pub struct Manner {
    pub sign: Sign,
    /// Added to the header of tokens.
    pub header: Value,
    /// Changes the claims of tokens; null takes one away.
    pub claims: Value,
    /// Changes the discovery document.
    pub document: Value,
    /// Whether codes are given to whoever brings their verifier alone.
    pub checks_pkce: bool,
    /// Bytes that are added to the key set.
    pub padding: usize,
    /// Never answers.
    pub is_silent: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            sign: Sign::Es256,
            header: json!({}),
            claims: json!({}),
            document: json!({}),
            checks_pkce: true,
            padding: 0,
            is_silent: false,
        }
    }
}

struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
    claims: Value,
}

pub struct Provider {
    pub issuer: String,
    pub keys: Keys,
    pub manner: Mutex<Manner>,
    codes: Mutex<HashMap<String, Code>>,
    clock: Clock,
    issued: AtomicUsize,
    /// How often anything was asked.
    pub asked: AtomicUsize,
    /// How often keys were asked for.
    pub keys_asked: AtomicUsize,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.issuer)
    }
}

pub const CLIENT: &str = "sluice-client";
pub const SECRET: &str = "s3cret&=";

/// The parameters of an address or a form.
pub fn parameters(text: &str) -> HashMap<String, String> {
    let query = text.split_once('?').map_or(text, |(_path, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl Provider {
    pub fn new(issuer: &str, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            issuer: issuer.to_owned(),
            keys: Keys::new(),
            manner: Mutex::new(Manner::default()),
            codes: Mutex::new(HashMap::new()),
            clock,
            issued: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            keys_asked: AtomicUsize::new(0),
        })
    }

    /// Somebody signs in, having been sent to `location`; the query that their browser brings back.
    pub fn sign_in(&self, location: &str, claims: Value) -> String {
        let asked = parameters(location);
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer)), "{location}");
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code-{}", self.issued.fetch_add(1, Ordering::SeqCst));
        let issued = Code {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            claims,
        };
        codes.insert(code.clone(), issued);
        format!("code={code}&state={}", asked["state"])
    }

    fn answer(&self, call: &Call) -> (u16, Vec<u8>) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let manner = self.manner.lock().unwrap();
        let path = call.url.strip_prefix(&self.issuer).unwrap();
        let body = match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": self.issuer,
                    "authorization_endpoint": format!("{}/authorize", self.issuer),
                    "token_endpoint": format!("{}/token", self.issuer),
                    "jwks_uri": format!("{}/keys", self.issuer),
                });
                merge(&mut document, &manner.document);
                document.to_string()
            }
            "/keys" => {
                self.keys_asked.fetch_add(1, Ordering::SeqCst);
                format!("{}{}", self.keys.published(), " ".repeat(manner.padding))
            }
            "/token" => return self.tokens(call, &manner),
            other => panic!("{other}"),
        };
        (200, body.into_bytes())
    }

    fn tokens(&self, call: &Call, manner: &Manner) -> (u16, Vec<u8>) {
        let form = parameters(call.form.as_ref().unwrap().reveal());
        let basic = format!("Basic {}", basic(&format!("{CLIENT}:s3cret%26%3D")));
        assert_eq!(call.authorization.as_ref().map(|secret| secret.reveal().to_owned()), Some(basic));
        let refused = (400, br#"{"error":"invalid_grant"}"#.to_vec());
        let Some(code) = self.codes.lock().unwrap().remove(&form["code"]) else { return refused };
        let is_whoever_began = encoded(Sha256::digest(&form["code_verifier"])) == code.challenge;
        if form["redirect_uri"] != code.redirect_uri || manner.checks_pkce && !is_whoever_began {
            return refused;
        }
        let now = self.clock.now().0 / 1_000;
        let access_token = "access-token";
        let at_hash = match manner.sign {
            Sign::EdDsa => encoded(&Sha512::digest(access_token)[..32]),
            _ => encoded(&Sha256::digest(access_token)[..16]),
        };
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code.nonce, "at_hash": at_hash,
        });
        merge(&mut claims, &code.claims);
        merge(&mut claims, &manner.claims);
        let id_token = self.keys.token(manner.sign, &manner.header, &claims);
        (200, json!({ "id_token": id_token, "access_token": access_token, "token_type": "Bearer" }).to_string().into())
    }
}

fn basic(pair: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(pair)
}

fn merge(into: &mut Value, changes: &Value) {
    let object = into.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

/// Leads to every provider that there is.
#[derive(Debug)]
pub struct Internet(pub Vec<Arc<Provider>>);

impl Transport for Internet {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, TransportError>> {
        async move {
            let provider = self.0.iter().find(|provider| call.url.starts_with(&provider.issuer)).unwrap();
            if provider.manner.lock().unwrap().is_silent {
                provider.asked.fetch_add(1, Ordering::SeqCst);
                return futures::future::pending().await;
            }
            let (status, body) = provider.answer(&call);
            Ok(Reply { status, body })
        }
        .boxed()
    }
}
