//! How a call proves that it comes from whoever knows the secret.
//!
//! Signatures are over the bytes as they came and are compared in constant time. With Standard Webhooks the id and
//! the moment are signed too: a call counts within five minutes of its moment, and once. A plain HMAC signs the body
//! alone, so that it is the body that counts once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Timestamp;
use engine::definition::Verify;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::Call;
use crate::sealed::Secret;

/// How far the moment of a call may be from ours, either way, in milliseconds.
const TOLERANCE_MS: i64 = 5 * 60 * 1_000;
/// Signatures of one call that are looked at: senders send one for each of their secrets.
const MAX_SIGNATURES: usize = 10;
/// Longest id of a call, in bytes.
const MAX_ID: usize = 255;
/// What secrets of Standard Webhooks begin with; the rest is base64.
pub(super) const PREFIX: &str = "whsec_";

/// Sorts of proof, as they are stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// None is asked for.
    None,
    /// HMAC-SHA256 of the body in a header.
    HmacSha256,
    /// After the Standard Webhooks specification.
    StandardWebhooks,
}

impl Verification {
    /// The sort that a trigger asks for.
    #[must_use]
    pub const fn of(verify: &Verify) -> Self {
        match verify {
            Verify::None => Self::None,
            Verify::HmacSha256 { .. } => Self::HmacSha256,
            Verify::StandardWebhooks { .. } => Self::StandardWebhooks,
        }
    }

    /// Name in the database and in definitions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HmacSha256 => "hmac_sha256",
            Self::StandardWebhooks => "standard_webhooks",
        }
    }

    /// Reads [`Self::name`]; what this release does not know is taken for the strictest.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "none" => Self::None,
            "hmac_sha256" => Self::HmacSha256,
            _strictest => Self::StandardWebhooks,
        }
    }
}

/// A call that proved itself, or need not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What tells the call from others: the sender's id of it, or a digest of what was signed.
    pub(super) delivery: Option<String>,
}

/// Why a call does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// A header is missing, or came twice.
    #[error("the header `{0}` is missing, or came twice")]
    Header(String),
    /// A header cannot be read.
    #[error("the header `{0}` cannot be read")]
    Unreadable(String),
    /// Its moment is too far from ours.
    #[error("the call was signed more than five minutes ago, or its clock is wrong")]
    Stale,
    /// There is nothing that could be signed.
    #[error("a call without a body cannot prove itself by a signature of the body")]
    Empty,
    /// No signature is one of the body under a secret of the hook; perhaps the hook has no secret yet.
    #[error("no signature fits: sign the body as it is sent, with the secret of this hook")]
    Differs,
}

/// Whether `call` proves itself with one of `secrets`.
pub(super) fn of(verify: &Verify, secrets: &[Secret], call: &Call, now: Timestamp) -> Result<Proof, Unproven> {
    match verify {
        Verify::None => {
            let named = ["webhook-id", "idempotency-key"].iter().find_map(|name| call.headers.get(*name));
            Ok(Proof { delivery: named.filter(|id| is_id(id)).cloned() })
        }
        Verify::HmacSha256 { header, .. } => hmac_sha256(header, secrets, call),
        Verify::StandardWebhooks { .. } => standard_webhooks(secrets, call, now),
    }
}

fn hmac_sha256(header: &str, secrets: &[Secret], call: &Call) -> Result<Proof, Unproven> {
    let given = call.headers.get(header).ok_or_else(|| Unproven::Header(header.to_owned()))?;
    if call.body.is_empty() {
        return Err(Unproven::Empty);
    }
    let text = given.strip_prefix("sha256=").unwrap_or(given).trim();
    let signature = from_hex(text).or_else(|| STANDARD.decode(text).ok());
    let signature = signature.ok_or_else(|| Unproven::Unreadable(header.to_owned()))?;
    let fits = |secret: &Secret| fits(secret.reveal().as_bytes(), &[&call.body], &signature);
    if secrets.iter().filter(|secret| fits(secret)).count() == 0 {
        return Err(Unproven::Differs);
    }
    Ok(Proof { delivery: Some(format!("sha256:{}", crate::hex(&Sha256::digest(&call.body)))) })
}

fn standard_webhooks(secrets: &[Secret], call: &Call, now: Timestamp) -> Result<Proof, Unproven> {
    let header = |name: &str| call.headers.get(name).ok_or_else(|| Unproven::Header(name.to_owned()));
    let unreadable = |name: &str| Unproven::Unreadable(name.to_owned());
    let (id, moment, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    if !is_id(id) {
        return Err(unreadable("webhook-id"));
    }
    let signed_at: i64 = moment.parse().map_err(|_no_number| unreadable("webhook-timestamp"))?;
    let signatures = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).take(MAX_SIGNATURES);
    let signatures: Vec<Vec<u8>> = signatures.filter_map(|text| STANDARD.decode(text).ok()).collect();
    let signed: [&[u8]; 5] = [id.as_bytes(), b".", moment.as_bytes(), b".", &call.body];
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(key_or_text).collect();
    let pairs = keys.iter().flat_map(|key| signatures.iter().map(move |signature| (key, signature)));
    // All of them, so that the time tells nothing of which one fits.
    if pairs.filter(|(key, signature)| fits(key, &signed, signature)).count() == 0 {
        return Err(Unproven::Differs);
    }
    // After the signature: a clock that is wrong is told to whoever knows the secret alone.
    let is_fresh = signed_at.checked_mul(1_000).is_some_and(|at| (now.0.saturating_sub(at)).abs() <= TOLERANCE_MS);
    if !is_fresh {
        return Err(Unproven::Stale);
    }
    Ok(Proof { delivery: Some(id.clone()) })
}

/// The headers by which a sender proves a call: with Standard Webhooks those of the specification, with a plain HMAC
/// `header`. `None` when the secret is none of that sort.
#[must_use]
pub fn sign(
    verification: Verification,
    header: &str,
    secret: &Secret,
    (id, at): (&str, Timestamp),
    body: &[u8],
) -> Option<Vec<(String, String)>> {
    match verification {
        Verification::None => Some(Vec::new()),
        Verification::HmacSha256 => {
            let signature = crate::hex(&signature(secret.reveal().as_bytes(), &[body]).finalize().into_bytes());
            Some(vec![(header.to_owned(), format!("sha256={signature}"))])
        }
        Verification::StandardWebhooks => {
            let moment = (at.0 / 1_000).to_string();
            let signature = standard_signature(secret, (id, &moment), body)?;
            Some(vec![
                ("webhook-id".to_owned(), id.to_owned()),
                ("webhook-timestamp".to_owned(), moment),
                ("webhook-signature".to_owned(), signature),
            ])
        }
    }
}

/// The key in a secret of Standard Webhooks: base64, mostly with a prefix.
pub(super) fn key(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).ok().filter(|key| (24..=64).contains(&key.len()))
}

/// The key in a secret of the organization: as [`key`], or a text, whose bytes are the key.
fn key_or_text(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.reveal();
    let is_text = !text.is_empty() && !text.starts_with(PREFIX);
    key(text).or_else(|| is_text.then(|| text.as_bytes().to_vec()))
}

/// The signature of a message after the Standard Webhooks specification, `v1,` and base64. `None` when the secret is
/// no key.
pub(crate) fn standard_signature(secret: &Secret, (id, moment): (&str, &str), body: &[u8]) -> Option<String> {
    let signed: [&[u8]; 5] = [id.as_bytes(), b".", moment.as_bytes(), b".", body];
    Some(format!("v1,{}", STANDARD.encode(signature(&key_or_text(secret)?, &signed).finalize().into_bytes())))
}

/// In constant time.
fn fits(key: &[u8], signed: &[&[u8]], given: &[u8]) -> bool {
    signature(key, signed).verify_slice(given).is_ok()
}

fn signature(key: &[u8], signed: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in signed {
        mac.update(part);
    }
    mac
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    fn call(headers: &[(&str, &str)], body: &[u8]) -> Call {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Call { query: None, headers, body: body.to_vec(), origin: crate::Origin::default() }
    }

    fn sign(key: &[u8], signed: &[&[u8]]) -> Vec<u8> {
        signature(key, signed).finalize().into_bytes().to_vec()
    }

    /// A call that is signed for the moment `at`, in seconds.
    fn signed_at(at: i64) -> Call {
        let at = at.to_string();
        let signature = sign(&key(SECRET).unwrap(), &[b"msg_1", b".", at.as_bytes(), b".", BODY]);
        let signature = format!("v1,{}", STANDARD.encode(signature));
        call(&[("webhook-id", "msg_1"), ("webhook-timestamp", &at), ("webhook-signature", &signature)], BODY)
    }

    fn standard(call: &Call, texts: &[&str]) -> Result<Proof, Unproven> {
        of(&Verify::StandardWebhooks { secret: None }, &secrets(texts), call, NOW)
    }

    #[test]
    fn the_example_of_the_specification_is_recognised() {
        let call = call(
            &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            BODY,
        );
        let proof =
            of(&Verify::StandardWebhooks { secret: None }, &secrets(&[SECRET]), &call, Timestamp(1_614_265_330_000))
                .unwrap();
        assert_eq!(proof.delivery.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    }

    #[test]
    fn a_call_counts_within_five_minutes_of_its_moment() {
        let now = NOW.0 / 1_000;
        for at in [now - 300, now, now + 300] {
            assert!(standard(&signed_at(at), &[SECRET]).is_ok(), "{at}");
        }
        for at in [now - 301, now + 301, 0, i64::MAX, i64::MIN] {
            assert_eq!(standard(&signed_at(at), &[SECRET]), Err(Unproven::Stale), "{at}");
        }
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let good = signed_at(NOW.0 / 1_000);
        for at in 0..BODY.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed.body[at] ^= 1 << bit;
                assert_eq!(standard(&changed, &[SECRET]), Err(Unproven::Differs), "byte {at}, bit {bit}");
            }
        }
        for (name, value) in &good.headers {
            for at in 0..value.len() {
                let mut bytes = value.clone().into_bytes();
                bytes[at] ^= 1;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let mut call = good.clone();
                call.headers.insert(name.clone(), changed);
                assert!(standard(&call, &[SECRET]).is_err(), "byte {at} of {name}");
            }
            let mut without = good.clone();
            without.headers.remove(name);
            assert_eq!(standard(&without, &[SECRET]), Err(Unproven::Header(name.clone())));
        }
    }

    #[test]
    fn either_secret_counts_while_one_follows_the_other_and_none_when_there_is_none() {
        let call = signed_at(NOW.0 / 1_000);
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(standard(&call, &[other, SECRET]).is_ok() && standard(&call, &[SECRET, other]).is_ok());
        for wrong in [&[][..], &[other], &[""], &["whsec_"], &["whsec_AAAA"]] {
            assert_eq!(standard(&call, wrong), Err(Unproven::Differs), "{wrong:?}");
        }
    }

    #[test]
    fn one_of_several_signatures_has_to_fit_and_other_schemes_do_not() {
        let mut call = signed_at(NOW.0 / 1_000);
        let good = call.headers["webhook-signature"].clone();
        let mut with = |text: String| {
            call.headers.insert("webhook-signature".to_owned(), text);
            standard(&call, &[SECRET])
        };
        assert!(with(format!("v1,AAAA v1a,xyz {good}")).is_ok());
        for wrong in [good.replace("v1,", "v1a,"), good.replace("v1,", ""), String::new(), "v1,".to_owned()] {
            assert_eq!(with(wrong.clone()), Err(Unproven::Differs), "{wrong}");
        }
    }

    #[test]
    fn a_plain_hmac_signs_the_body_which_counts_once() {
        let verify = Verify::HmacSha256 { header: "x-hub-signature-256".to_owned(), secret: None };
        let signature = sign(b"it is a secret to everybody", &[b"{}"]);
        let hex = crate::hex(&signature);
        let known = secrets(&["it is a secret to everybody"]);
        let check = |value: &str, body: &[u8]| of(&verify, &known, &call(&[("x-hub-signature-256", value)], body), NOW);
        let proof = check(&format!("sha256={hex}"), b"{}").unwrap();
        for value in [hex.clone(), hex.to_uppercase(), STANDARD.encode(&signature)] {
            assert_eq!(check(&value, b"{}").as_ref(), Ok(&proof), "{value}");
        }
        assert!(proof.delivery.unwrap().starts_with("sha256:"));
        assert_eq!(check(&hex, b"{ }"), Err(Unproven::Differs));
        assert_eq!(check(&hex[2..], b"{}"), Err(Unproven::Unreadable("x-hub-signature-256".to_owned())), "a cut one");
        assert_eq!(check("sha256=xyz", b"{}"), Err(Unproven::Unreadable("x-hub-signature-256".to_owned())));
        assert_eq!(check(&crate::hex(&sign(b"it is a secret to everybody", &[])), b""), Err(Unproven::Empty));
        let missing = of(&verify, &known, &call(&[], b"{}"), NOW);
        assert_eq!(missing, Err(Unproven::Header("x-hub-signature-256".to_owned())));
    }

    #[test]
    fn what_is_signed_here_is_recognised_here() {
        for (verify, texts) in [
            (Verify::None, SECRET),
            (Verify::StandardWebhooks { secret: None }, SECRET),
            (Verify::StandardWebhooks { secret: None }, "correct horse battery staple"),
            (Verify::HmacSha256 { header: "x-signature".to_owned(), secret: None }, "any text will do"),
        ] {
            let secret = Secret::new(texts);
            let headers = super::sign(Verification::of(&verify), "x-signature", &secret, ("msg_2", NOW), BODY).unwrap();
            let call = Call { headers: headers.into_iter().collect(), ..call(&[], BODY) };
            assert!(of(&verify, &[secret], &call, NOW).is_ok(), "{verify:?}");
        }
        for wrong in ["", "whsec_", "whsec_short"] {
            let no_key = super::sign(Verification::StandardWebhooks, "", &Secret::new(wrong), ("msg_2", NOW), BODY);
            assert_eq!(no_key, None, "{wrong}");
        }
    }

    #[test]
    fn who_need_not_prove_anything_may_still_name_the_call() {
        let named = |headers: &[(&str, &str)]| of(&Verify::None, &[], &call(headers, b""), NOW).unwrap().delivery;
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[("webhook-id", "a"), ("idempotency-key", "b")]).as_deref(), Some("a"));
        assert_eq!(named(&[("idempotency-key", "b")]).as_deref(), Some("b"));
        assert_eq!(named(&[("idempotency-key", &"b".repeat(256))]), None);
    }
}
