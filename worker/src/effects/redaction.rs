//! What comes back from a call, without the secrets that went out with it: some services answer with what they got.

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use engine::machine::{EffectOutcome, StepError};
use serde_json::{Map, Value, json};
use service::sealed::Secret;

use super::secrets::{in_address, percent_encoded};

/// Shorter values are words like any others: to replace them would garble answers and hide nothing.
const SHORTEST: usize = 4;
/// Shorter parts of a Base64 text are not looked for: they occur by chance.
const SHORTEST_BASE64: usize = 8;
/// The one field of a body that is no text.
const BINARY: &str = "$base64";
/// Stands for a secret.
const HIDDEN: &str = "***";

/// The values of the secrets of one call, in each form in which a service may answer them.
#[derive(Default)]
pub(super) struct Redaction {
    forms: Vec<String>,
}

impl Redaction {
    /// Whether the call used none.
    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Notes a secret that the call uses.
    pub(super) fn learn(&mut self, secret: &Secret) {
        let value = secret.reveal();
        for value in [value, value.trim()] {
            if value.chars().count() >= SHORTEST {
                self.learn_value(value);
            }
        }
    }

    fn learn_value(&mut self, value: &str) {
        self.learn_form(value);
        let in_json = Value::String(value.to_owned()).to_string();
        // Without the quotes around it.
        self.learn_form(in_json.get(1..in_json.len() - 1).unwrap_or_default());
        let in_form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for encoded in [in_address(value), in_form, percent_encoded(value, b"-._~")] {
            self.learn_form(&encoded);
            self.learn_form(&with_small_digits(&encoded));
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            for before in 0..3 {
                self.learn_form(&within_base64(&engine, before, value.as_bytes()));
            }
        }
        let hexadecimal = in_hexadecimal(value.as_bytes());
        self.learn_form(&hexadecimal.to_uppercase());
        self.learn_form(&hexadecimal);
        for (quote, apostrophe) in [("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("\"", "'")] {
            let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            self.learn_form(&escaped.replace('"', quote).replace('\'', apostrophe));
        }
    }

    /// Notes a text that was made of a secret.
    pub(super) fn learn_form(&mut self, form: &str) {
        if form.chars().count() >= SHORTEST && !self.forms.iter().any(|known| known == form) {
            self.forms.push(form.to_owned());
        }
    }

    /// The outcome with [`HIDDEN`] in place of every secret.
    pub(super) fn outcome(&self, outcome: EffectOutcome) -> EffectOutcome {
        if self.forms.is_empty() {
            return outcome;
        }
        match outcome {
            EffectOutcome::Succeeded { output } => EffectOutcome::Succeeded { output: self.value(output) },
            EffectOutcome::Failed(error) => EffectOutcome::Failed(StepError {
                message: self.text(error.message),
                detail: error.detail.map(|detail| self.value(detail)),
                ..error
            }),
            EffectOutcome::PutOff { .. } => outcome,
        }
    }

    /// The value with [`HIDDEN`] in place of every secret.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            // A service that reads a secret as a number answers it as one.
            Value::Number(number) if self.forms.contains(&number.to_string()) => Value::String(HIDDEN.to_owned()),
            Value::Array(members) => members.into_iter().map(|member| self.value(member)).collect(),
            Value::Object(fields) if self.is_within_bytes(&fields) => json!({ BINARY: "", "hidden": true }),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (self.text(name), self.value(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    /// Whether this is a body that is no text, with a secret in it. To replace a part would make other bytes of it.
    fn is_within_bytes(&self, fields: &Map<String, Value>) -> bool {
        let Some(Value::String(text)) = fields.get(BINARY).filter(|_text| fields.len() == 1) else { return false };
        let Ok(bytes) = STANDARD.decode(text) else { return false };
        self.forms.iter().any(|form| bytes.windows(form.len()).any(|part| part == form.as_bytes()))
    }

    /// The text with [`HIDDEN`] in place of every secret. Of two that overlap nothing is left.
    pub(super) fn text(&self, text: String) -> String {
        let mut found: Vec<Range<usize>> = Vec::new();
        for form in &self.forms {
            found.extend(text.match_indices(form.as_str()).map(|(start, _form)| start..start + form.len()));
        }
        if found.is_empty() {
            return text;
        }
        found.sort_unstable_by_key(|range| range.start);
        let (mut shown, mut end_of_last) = (String::with_capacity(text.len()), 0);
        for Range { start, end } in found {
            if start >= end_of_last {
                shown.push_str(&text[end_of_last..start]);
                shown.push_str(HIDDEN);
            }
            end_of_last = end_of_last.max(end);
        }
        shown.push_str(&text[end_of_last..]);
        shown
    }
}

/// What is the same in the Base64 of `value` whatever stands around it, behind `before` bytes more than a multiple of
/// three; empty when that is too short to be told from other texts.
fn within_base64(engine: &GeneralPurpose, before: usize, value: &[u8]) -> String {
    let bytes = [&[0; 2][..before], value].concat();
    // A character is six bits: the first ones hold bits of what is before, and the last one of what is behind.
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let encoded = engine.encode(&bytes);
    let inner = encoded.get(first..end).filter(|inner| inner.len() >= SHORTEST_BASE64);
    inner.unwrap_or_default().to_owned()
}

fn in_hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a text does not fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// A percent-encoded text with `%2f` for `%2F`.
fn with_small_digits(encoded: &str) -> String {
    let mut left = 0;
    let small = encoded.chars().map(|sign| {
        if sign == '%' {
            left = 2;
            return sign;
        }
        let is_digit = left > 0;
        left -= i32::from(is_digit);
        if is_digit { sign.to_ascii_lowercase() } else { sign }
    });
    small.collect()
}

#[cfg(test)]
mod tests {
    use engine::machine::ErrorClass;

    use super::*;

    fn knowing(values: &[&str]) -> Redaction {
        let mut redaction = Redaction::default();
        for value in values {
            redaction.learn(&Secret::new(*value));
        }
        redaction
    }

    #[test]
    fn a_secret_is_hidden_wherever_an_answer_has_it() {
        let redaction = knowing(&["s3cr&t \"x\"", "81726354"]);
        let output = json!({
            "plain": "Bearer s3cr&t \"x\"",
            "json": "{\"key\":\"s3cr&t \\\"x\\\"\"}",
            "form": "key=s3cr%26t+%22x%22",
            "address": "/a?key=s3cr%26t%20%22x%22",
            "number": 81_726_354,
            "nested": [{ "s3cr&t \"x\"": true }],
            "other": "s3cr",
        });
        let EffectOutcome::Succeeded { output } = redaction.outcome(EffectOutcome::Succeeded { output }) else {
            panic!("it failed");
        };
        let expected = json!({
            "plain": "Bearer ***",
            "json": "{\"key\":\"***\"}",
            "form": "key=***",
            "address": "/a?key=***",
            "number": "***",
            "nested": [{ "***": true }],
            "other": "s3cr",
        });
        assert_eq!(output, expected);
    }

    #[test]
    fn a_secret_that_is_a_part_of_another_leaves_nothing_of_it() {
        for values in [["token", "token-of-the-shop"], ["token-of-the-shop", "token"]] {
            assert_eq!(knowing(&values).text("token-of-the-shop, token".to_owned()), "***, ***");
        }
    }

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        let redaction = knowing(&["token-one", "one-secret", "lone-wolf"]);
        assert_eq!(redaction.text("a token-one-secret, lone-wolf".to_owned()), "a ***, ***");
        assert_eq!(redaction.text("token-onetoken-one".to_owned()), "******");
    }

    #[test]
    fn a_secret_is_hidden_in_every_usual_encoding() {
        let value = "p<ss>&'w/rd\"?~é";
        let redaction = knowing(&[value]);
        let whole = |text: &str| redaction.text(format!("[{text}]"));
        for text in [
            "p%3Css%3E%26%27w%2Frd%22%3F~%C3%A9",
            "p%3css%3e%26%27w%2frd%22%3f~%c3%a9",
            "p&lt;ss&gt;&amp;&#39;w/rd&quot;?~é",
            "p&lt;ss&gt;&amp;&#x27;w/rd&quot;?~é",
            "p&lt;ss&gt;&amp;'w/rd\"?~é",
            "p<ss>&'w/rd\\\"?~é",
        ] {
            assert_eq!(whole(text), "[***]", "{text}");
        }
        let digits = "703c73733e2627772f7264223f7ec3a9";
        assert_eq!((whole(digits).as_str(), whole(&digits.to_uppercase()).as_str()), ("[***]", "[***]"));
        for before in ["", "a", "ab", "abc"] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let text = redaction.text(engine.encode(format!("{before}{value}:behind")));
                assert!(text.contains(HIDDEN), "{text}");
            }
        }
    }

    #[test]
    fn bytes_with_a_secret_are_hidden_as_a_whole_and_others_stay() {
        let redaction = knowing(&["hunter22"]);
        let body = |bytes: &[u8]| json!({ "body": { BINARY: STANDARD.encode(bytes) } });
        let hidden = redaction.value(body(b"\xff\0key=hunter22\xff"));
        assert_eq!(hidden, json!({ "body": { BINARY: "", "hidden": true } }));
        assert_eq!(redaction.value(body(b"\xff\0hunter")), body(b"\xff\0hunter"));
    }

    #[test]
    fn failures_are_told_without_secrets_and_short_words_are_none() {
        let redaction = knowing(&["hunter22", "abc"]);
        let error = StepError {
            status: Some(400),
            retryable_class: ErrorClass::Http(400),
            detail: Some(json!({ "body": "no hunter22 here" })),
            ..StepError::other("HTTP_STATUS", "hunter22 is wrong, abc is not")
        };
        let EffectOutcome::Failed(error) = redaction.outcome(EffectOutcome::Failed(error)) else {
            panic!("it succeeded");
        };
        assert_eq!(error.message, "*** is wrong, abc is not");
        assert_eq!(error.detail, Some(json!({ "body": "no *** here" })));
        assert_eq!(error.status, Some(400));
    }
}
