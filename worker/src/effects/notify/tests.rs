use ids::ServiceId;
use serde_json::{Map, Value, json};
use service::parts::{Authentication, AuthenticationKind};

use super::*;

fn made(name: &str, kind: ServiceKind, settings: &Value) -> Service {
    Service {
        id: ServiceId::new(),
        name: name.to_owned(),
        kind,
        base_url: None,
        authentication: Authentication { kind: AuthenticationKind::None, secret: None, header_name: None },
        settings: settings.as_object().cloned().unwrap_or_else(Map::new),
    }
}

fn reached<'s>(services: &'s [Service], written: &str) -> Result<Option<&'s str>, StepError> {
    let recipient = recipient::parse(written, None, 0).unwrap();
    service(services, &recipient, None).map(|found| found.map(|service| service.name.as_str()))
}

fn message(text: Option<&str>, template: Option<&str>) -> Notification {
    Notification {
        recipients: Vec::new(),
        message: text.map(str::to_owned),
        subject: None,
        channel: None,
        template: template.map(str::to_owned),
        data: json!({ "id": "o-1" }),
        told: Vec::new(),
    }
}

#[test]
fn a_recipient_is_reached_through_the_service_for_its_prefix() {
    let services = [
        made("erp", ServiceKind::Http, &json!({})),
        made("office", ServiceKind::Chat, &json!({ "recipient_prefix": "slack" })),
        made("payments", ServiceKind::Chat, &json!({ "recipient_prefix": "pagerduty" })),
        made("slack", ServiceKind::Chat, &json!({ "recipient_prefix": "slack" })),
        made("mails", ServiceKind::Email, &json!({})),
    ];
    for (written, name) in [
        ("slack:#ops", "slack"),
        ("pagerduty:payments", "payments"),
        ("pagerduty:other", "payments"),
        ("webhook:erp", "erp"),
        ("ada@example.com", "mails"),
    ] {
        assert_eq!(reached(&services, written), Ok(Some(name)), "{written}");
    }
    assert_eq!(reached(&services[..2], "slack:#ops"), Ok(Some("office")));
    assert_eq!(reached(&[], "ada@example.com"), Ok(None));
}

#[test]
fn a_recipient_whom_nothing_reaches_is_told_with_what_to_set_up() {
    for (written, what) in
        [("slack:#ops", "`slack`"), ("sms:1", "`sms`"), ("teams:x", "`teams`"), ("webhook:erp", "`erp`")]
    {
        let error = reached(&[], written).unwrap_err();
        assert_eq!(error.code, "UNKNOWN_RECIPIENT", "{written}");
        assert!(error.message.contains(what) && error.message.contains("sluice service create"), "{error:?}");
    }
}

#[test]
fn the_text_is_that_of_the_action_or_of_a_template_of_the_service() {
    let templates = json!({ "templates": { "late": { "subject": "Order {{id}}", "message": "{{id}} is late" } } });
    let service = made("slack", ServiceKind::Chat, &templates);
    let recipient = recipient::parse("slack:#ops", None, 3).unwrap();
    let text = |message: &Notification| {
        said(Some(&service), message, &recipient, "k/3").map(|said| (said.subject, said.message))
    };
    assert_eq!(text(&message(Some("hello"), None)), Ok((None, "hello".to_owned())));
    let (subject, late) = text(&message(None, Some("late"))).unwrap();
    assert_eq!((subject.as_deref(), late.as_str()), (Some("Order o-1"), "o-1 is late"));
    assert_eq!(text(&message(None, Some("none"))).unwrap_err().code, "UNKNOWN_TEMPLATE");
    assert_eq!(text(&message(None, None)).unwrap_err().code, "INVALID_ACTION");
    let injected =
        Notification { subject: Some("late\r\nBcc: eve@example.com".to_owned()), ..message(Some("x"), None) };
    assert_eq!(text(&injected).unwrap_err().code, "INVALID_ACTION");
}

#[test]
fn the_failure_that_a_retry_may_help_with_decides_and_all_are_told() {
    let recipient = recipient::parse("ada@example.com", None, 0).unwrap();
    let mut outcomes = Outcomes::default();
    outcomes.delivered(&recipient, &Sent { id: Some("17".into()) });
    outcomes.failed("teams:x", unknown("there is no service"));
    let away = StepError {
        status: Some(503),
        retryable_class: ErrorClass::Http(503),
        ..StepError::other("HTTP_STATUS", "answered with status 503")
    };
    outcomes.failed("slack:#ops", away);
    let EffectOutcome::Failed(error) = outcomes.finish() else { panic!("two were not told") };
    assert_eq!((error.code.as_str(), error.retryable_class), ("HTTP_STATUS", ErrorClass::Http(503)));
    assert!(error.message.starts_with("2 of 3 recipients were not told; slack:#ops: "), "{}", error.message);
    assert_eq!(
        error.detail.unwrap(),
        json!({
            "delivered": [
                { "recipient": "ada@example.com", "channel": "email", "to": recipient.digest(), "id": "17" },
            ],
            "failed": [
                { "recipient": "teams:x", "code": "UNKNOWN_RECIPIENT", "message": "there is no service" },
                { "recipient": "slack:#ops", "code": "HTTP_STATUS", "message": "answered with status 503" },
            ],
        })
    );
}
