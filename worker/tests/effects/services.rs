//! Calls to services of the organization: how they are authenticated, and what their answers become.

use std::sync::Arc;

use engine::Timestamp;
use engine::definition::RecordOperation;
use engine::machine::{Body, CallTo, EffectRequest, GraphqlCall, RecordCall};
use serde_json::{Value, json};
use service::parts::{AuthenticationKind, Service, ServiceKind};
use service::sealed::Secret;
use service::webhooks::signature_headers;

use crate::parts::{Known, marked, run, service, succeeded};
use crate::stub::{Stub, answer, header, json_answer};
use crate::{failed, request};

const VALUE: &str = "s3cr3t-value";

fn known(service: Service) -> Arc<Known> {
    Arc::new(Known::default().secret("KEY", VALUE, &[]).service(service))
}

fn graphql(name: &str, variables: Value) -> EffectRequest {
    let query = "query Q($id: ID!) { order(id: $id) { total } }".to_owned();
    EffectRequest::Graphql(GraphqlCall { to: CallTo::Service(name.to_owned()), query, variables })
}

fn record(operation: RecordOperation, entity: &str, id: Option<&str>, data: Value) -> EffectRequest {
    let (entity, entity_id) = (entity.to_owned(), id.map(str::to_owned));
    EffectRequest::Record(RecordCall { operation, entity, entity_id, data, service: None })
}

fn body(seen: &str) -> &str {
    seen.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn each_way_of_authentication_shows_the_secret_in_its_place() {
    for (kind, name, value) in [
        (AuthenticationKind::None, "authorization", None),
        (AuthenticationKind::Bearer, "authorization", Some("Bearer s3cr3t-value")),
        (AuthenticationKind::Basic, "authorization", Some("Basic c2hvcDpzM2NyM3QtdmFsdWU=")),
        (AuthenticationKind::ApiKey, "x-api-key", Some("s3cr3t-value")),
    ] {
        let stub = Stub::answering(|_| json_answer("{\"data\":{}}")).await;
        let settings = json!({ "username": "shop", "headers": { "X-Tenant": "t1" } });
        let known = known(service("orders", &stub.url("/graphql"), kind, &settings));
        succeeded(run(&known, graphql("orders", Value::Null), &[]).await);
        let seen = &stub.requests()[0];
        assert!(seen.starts_with("POST /graphql HTTP/1.1"), "{seen}");
        assert_eq!((header(seen, name), header(seen, "x-tenant")), (value, Some("t1")), "{kind:?}");
    }
}

#[tokio::test]
async fn a_service_that_wants_signatures_gets_them_over_what_is_sent() {
    let stub = Stub::answering(|_| json_answer("{\"data\":{}}")).await;
    let known = known(service("orders", &stub.url(""), AuthenticationKind::Hmac, &json!({})));
    succeeded(run(&known, graphql("orders", json!({ "id": 7 })), &[]).await);
    assert_signed(&stub.requests()[0]);
}

fn assert_signed(seen: &str) {
    let moment = header(seen, "webhook-timestamp").unwrap();
    let at = Timestamp(moment.parse::<i64>().unwrap() * 1_000);
    let expected = signature_headers(&[Secret::new(VALUE)], "exe_1/tell/0/0", at, body(seen).as_bytes()).unwrap();
    for (name, value) in &expected {
        assert_eq!(header(seen, name), Some(value.as_str()), "{name}");
    }
    assert_eq!(header(seen, "content-type"), Some("application/json"));
    assert!(!seen.contains(VALUE));
}

#[tokio::test]
async fn a_webhook_is_signed_below_the_address_of_a_service_that_signs_and_nowhere_else() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = known(service("shop", &stub.url("/hooks"), AuthenticationKind::Hmac, &json!({})));
    for (path, is_signed) in [("/hooks/orders", true), ("/hooks", true), ("/hooksmith", false), ("/", false)] {
        let mut call = request("POST", stub.url(path));
        call.is_webhook = true;
        call.body = Some(Body::Json(json!({ "order": 7 })));
        succeeded(run(&known, EffectRequest::Http(call), &[]).await);
        let seen = stub.requests().pop().unwrap();
        if is_signed {
            assert_signed(&seen);
        } else {
            assert_eq!(header(&seen, "webhook-signature"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn the_secret_of_a_service_keeps_to_its_hosts_and_does_not_come_back() {
    let stub = Stub::answering(|seen| {
        let said = json!({ "data": { "echo": header(seen, "authorization") } });
        json_answer(&said.to_string())
    })
    .await;
    let orders = || service("orders", &stub.url(""), AuthenticationKind::Bearer, &json!({}));
    let output = succeeded(run(&known(orders()), graphql("orders", Value::Null), &[]).await);
    assert_eq!(output["body"], json!({ "echo": "Bearer ***" }));
    let elsewhere = Known::default().secret("KEY", VALUE, &["api.example.com"]).service(orders());
    let error = failed(run(&Arc::new(elsewhere), graphql("orders", Value::Null), &[]).await);
    assert_eq!(error.code, "SECRET_NOT_ALLOWED");
    let without = Known::default().service(orders());
    assert_eq!(failed(run(&Arc::new(without), graphql("orders", Value::Null), &[]).await).code, "UNKNOWN_SECRET");
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_graphql_answer_is_its_data_and_a_secret_may_be_a_variable() {
    let stub = Stub::answering(|_| json_answer("{\"data\":{\"order\":{\"total\":5}}}")).await;
    let known = known(service("orders", &stub.url("/graphql"), AuthenticationKind::None, &json!({})));
    let output = succeeded(run(&known, graphql("orders", json!({ "token": marked("KEY") })), &["KEY"]).await);
    assert_eq!((&output["status"], &output["body"]), (&json!(200), &json!({ "order": { "total": 5 } })));
    let sent: Value = serde_json::from_str(body(&stub.requests()[0])).unwrap();
    assert_eq!(sent["variables"], json!({ "token": VALUE }));
}

#[tokio::test]
async fn graphql_fails_by_its_errors_and_by_the_status_of_the_answer() {
    let stub = Stub::answering(|seen| {
        if seen.contains("\"bad\"") {
            answer("400 Bad Request", "content-type: application/json\r\n", "{}")
        } else {
            json_answer("{\"data\":null,\"errors\":[{\"message\":\"no such order\"}]}")
        }
    })
    .await;
    let known = known(service("orders", &stub.url("/graphql"), AuthenticationKind::None, &json!({})));
    let error = failed(run(&known, graphql("orders", Value::Null), &[]).await);
    assert_eq!((error.code.as_str(), error.detail), ("GRAPHQL_ERROR", Some(json!([{ "message": "no such order" }]))));
    let error = failed(run(&known, graphql("orders", json!({ "id": "bad" })), &[]).await);
    assert_eq!((error.code.as_str(), error.status), ("HTTP_STATUS", Some(400)));
    assert_eq!(failed(run(&known, graphql("shop", Value::Null), &[]).await).code, "UNKNOWN_SERVICE");
}

#[tokio::test]
async fn each_operation_on_a_record_is_its_request() {
    let stub = Stub::answering(|_| json_answer("{\"id\":\"r1\",\"total\":5}")).await;
    let known = known(service("erp", &stub.url("/v1"), AuthenticationKind::None, &json!({ "entities": ["order"] })));
    let data = json!({ "total": 5 });
    for (operation, id, data, line, sent) in [
        (RecordOperation::Create, None, data.clone(), "POST /v1/order", "{\"total\":5}"),
        (RecordOperation::Create, Some("o/1"), data.clone(), "PUT /v1/order/o%2F1", "{\"total\":5}"),
        (RecordOperation::Update, Some("o 1"), data, "PATCH /v1/order/o%201", "{\"total\":5}"),
        (RecordOperation::Delete, Some("o1"), Value::Null, "DELETE /v1/order/o1", ""),
        (RecordOperation::Get, Some("o1"), json!({ "expand": "lines" }), "GET /v1/order/o1?expand=lines", ""),
    ] {
        let output = succeeded(run(&known, record(operation, "order", id, data), &[]).await);
        let seen = stub.requests().pop().unwrap();
        assert!(seen.starts_with(&format!("{line} HTTP/1.1")), "{seen}");
        assert_eq!((body(&seen), header(&seen, "idempotency-key")), (sent, Some("exe_1/tell/0/0")));
        let (headers, id) = (&output["headers"], id.unwrap_or("r1"));
        assert!(headers.is_object(), "as of any call over HTTP, so that the body is `data`: {output}");
        let expected = json!({ "status": 200, "headers": headers, "body": { "id": "r1", "total": 5 }, "id": id });
        assert_eq!(output, expected, "{operation:?}");
    }
}

#[tokio::test]
async fn a_record_that_is_gone_is_deleted_and_cannot_be_read_or_changed() {
    let stub = Stub::answering(|_| answer("404 Not Found", "", "")).await;
    let known = known(service("erp", &stub.url(""), AuthenticationKind::None, &json!({ "entities": ["order"] })));
    let output = succeeded(run(&known, record(RecordOperation::Delete, "order", Some("o1"), Value::Null), &[]).await);
    assert_eq!(output, json!({ "status": 404, "headers": {}, "body": null, "id": "o1" }));
    let error = failed(run(&known, record(RecordOperation::Get, "order", Some("o1"), Value::Null), &[]).await);
    assert_eq!((error.code.as_str(), error.status), ("RECORD_NOT_FOUND", Some(404)));
    let error = failed(run(&known, record(RecordOperation::Update, "order", Some("o1"), json!({})), &[]).await);
    assert_eq!((error.code.as_str(), error.status), ("HTTP_STATUS", Some(404)));
}

#[tokio::test]
async fn a_record_is_not_read_with_parameters_that_no_address_holds() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = known(service("erp", &stub.url(""), AuthenticationKind::None, &json!({ "entities": ["order"] })));
    for wrong in [json!({ "expand": ["lines"] }), json!({ "filter": { "a": 1 } })] {
        let error = failed(run(&known, record(RecordOperation::Get, "order", Some("o1"), wrong), &[]).await);
        assert_eq!(error.code, "INVALID_ACTION", "{}", error.message);
    }
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn nothing_in_an_id_leads_to_another_place() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = known(service("erp", &stub.url("/v1"), AuthenticationKind::None, &json!({ "entities": ["order"] })));
    for id in ["..", ".", "", "  "] {
        let error = failed(run(&known, record(RecordOperation::Get, "order", Some(id), Value::Null), &[]).await);
        assert_eq!(error.code, "INVALID_ACTION", "{id:?}");
    }
    assert!(stub.requests().is_empty());
    succeeded(run(&known, record(RecordOperation::Get, "order", Some("../admin?x#y"), Value::Null), &[]).await);
    assert!(stub.requests()[0].starts_with("GET /v1/order/..%2Fadmin%3Fx%23y HTTP/1.1"), "{}", stub.requests()[0]);
}

#[tokio::test]
async fn the_service_of_an_entity_is_the_one_that_has_it_or_the_only_one_of_records() {
    let stub = Stub::answering(|_| json_answer("{\"id\":1}")).await;
    let at = |name: &str, settings: &Value| {
        service(name, &stub.url(&format!("/{name}")), AuthenticationKind::None, settings)
    };
    let keeping = |name: &str| Service { kind: ServiceKind::Records, ..at(name, &json!({})) };
    let create = || record(RecordOperation::Create, "order", None, json!({}));
    let erp = at("erp", &json!({ "entities": ["order", "customer"] }));
    let all = Known::default().service(keeping("a")).service(keeping("b")).service(erp);
    succeeded(run(&Arc::new(all), create(), &[]).await);
    succeeded(
        run(&Arc::new(Known::default().service(keeping("a")).service(at("web", &json!({})))), create(), &[]).await,
    );
    let seen: Vec<String> = stub.requests().iter().map(|seen| seen.lines().next().unwrap().to_owned()).collect();
    assert_eq!(seen, ["POST /erp/order HTTP/1.1", "POST /a/order HTTP/1.1"]);
    for ambiguous in [
        Known::default(),
        Known::default().service(at("web", &json!({}))),
        Known::default().service(keeping("a")).service(keeping("b")),
    ] {
        assert_eq!(failed(run(&Arc::new(ambiguous), create(), &[]).await).code, "UNKNOWN_SERVICE");
    }
}
