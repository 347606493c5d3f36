//! Signatures after the Standard Webhooks specification, for whatever goes out.

use engine::Timestamp;

use crate::hooks::standard_signature;
use crate::sealed::Secret;

/// The headers of a message: its id, its moment, and one signature for each of `secrets`. A secret is `whsec_` and
/// base64, or a text of any other form, whose bytes are the key. `None` when one of them is neither.
#[must_use]
pub fn signature_headers(secrets: &[Secret], id: &str, at: Timestamp, body: &[u8]) -> Option<Vec<(String, String)>> {
    let moment = (at.0 / 1_000).to_string();
    let signatures = secrets.iter().map(|secret| standard_signature(secret, (id, &moment), body));
    let signatures = signatures.collect::<Option<Vec<_>>>()?.join(" ");
    Some(vec![
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), moment),
        ("webhook-signature".to_owned(), signatures),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp(1_614_265_330_000);
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = signature_headers(&[secret], id, at, br#"{"test": 2432232314}"#).unwrap();
        let expected = [
            ("webhook-id", id),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn two_secrets_sign_side_by_side_and_a_plain_text_is_a_key_too() {
        let secrets = [Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Secret::new("correct horse")];
        let headers = signature_headers(&secrets, "msg_1", Timestamp(0), b"{}").unwrap();
        let (_, signatures) = &headers[2];
        assert_eq!(signatures.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
        for wrong in ["", "whsec_", "whsec_not base64"] {
            assert_eq!(signature_headers(&[Secret::new(wrong)], "msg_1", Timestamp(0), b"{}"), None, "{wrong}");
        }
    }
}
