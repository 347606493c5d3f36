//! What an organization sets up for its workflows, over the API.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod desk;

use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use async_graphql::value;
use serde_json::{Value, json};
use service::viewer::Permission;

use crate::parts::desk::{Answers, Desk};

const SECRET: &str = "a-key-of-the-cards-4242";

const SET: &str = "mutation($input: SecretSetInput!) { secretSet(input: $input) {
    secret { id name description allowedHosts version fingerprint } userErrors { code field message } } }";

#[tokio::test]
async fn a_secret_is_told_apart_and_never_told() {
    let desk = Desk::new(Answers::Nothing).await;
    let input = |value: async_graphql::Value| value!({ "input": value });
    let first = value!({ "name": "stripe", "value": SECRET, "allowedHosts": ["API.stripe.com"] });
    let first = desk.owner(SET, input(first)).await;
    assert_eq!(first["secretSet"]["userErrors"].as_array().map(Vec::len), Some(0), "{first}");
    let made = &first["secretSet"]["secret"];
    assert_eq!((&made["version"], &made["allowedHosts"][0]), (&json!(1), &json!("api.stripe.com")), "{made}");
    let kept = desk.owner(SET, input(value!({ "name": "stripe", "description": "for cards" }))).await;
    let kept = &kept["secretSet"]["secret"];
    assert_eq!((&kept["version"], &kept["fingerprint"]), (&json!(1), &made["fingerprint"]), "{kept}");
    assert_eq!(kept["allowedHosts"], made["allowedHosts"], "what is not said stays");
    let other = desk.owner(SET, input(value!({ "name": "stripe", "value": "another", "allowedHosts": [] }))).await;
    let other = &other["secretSet"]["secret"];
    assert_eq!((&other["version"], &other["allowedHosts"]), (&json!(2), &Value::Null), "{other}");
    assert_ne!(other["fingerprint"], made["fingerprint"]);
    let list = "{ secrets(search: \"cards\") { totalCount nodes { id name description fingerprint updatedAt } } }";
    let listed = desk.owner(list, value!({})).await;
    assert_eq!(listed["secrets"]["totalCount"], 1, "{listed}");
    let log = "{ auditEntries(filter: { actions: [\"secret.*\"] }) { nodes { action changes reason targetName } } }";
    let log = desk.owner(log, value!({})).await;
    assert_eq!(log["auditEntries"]["nodes"].as_array().map(Vec::len), Some(3), "{log}");
    for answer in [&first, kept, other, &listed, &log] {
        assert!(!answer.to_string().contains(SECRET) && !answer.to_string().contains("another"), "{answer}");
    }
}

#[test]
fn no_field_of_the_schema_answers_the_value_of_a_secret() {
    let schema = async_graphql::parser::parse_schema(sluice_api::graphql::sdl()).unwrap();
    let mut fields = Vec::new();
    for definition in schema.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = definition.node.kind else { continue };
        if ["Secret", "SecretPayload", "ServiceAuthentication"].contains(&definition.node.name.node.as_str()) {
            fields.extend(object.fields.into_iter().map(|field| field.node.name.node.to_string()));
        }
    }
    fields.sort();
    let known = [
        "allowedHosts",
        "createdAt",
        "description",
        "fingerprint",
        "headerName",
        "id",
        "kind",
        "lastUsedAt",
        "name",
        "rotateAt",
        "secret",
        "secret",
        "secretName",
        "updatedAt",
        "updatedBy",
        "usedBy",
        "userErrors",
        "version",
    ];
    assert_eq!(fields, known, "look at each new field: it may tell names, never values");
}

#[tokio::test]
async fn what_is_referred_to_is_not_deleted() {
    let desk = Desk::new(Answers::Nothing).await;
    let (secret, service) = desk.shop("HTTP", "https://shop.example.com").await;
    let delete = "mutation($id: ID!) { secretDelete(input: { id: $id }) { deletedId userErrors { code message } } }";
    let refused = desk.owner(delete, value!({ "id": secret.as_str() })).await;
    assert_eq!(refused["secretDelete"]["userErrors"][0]["code"], "IN_USE", "{refused}");
    assert!(refused["secretDelete"]["userErrors"][0]["message"].as_str().unwrap().contains("`shop`"), "{refused}");
    let create = "mutation($service: ID!) { resourceLoaderCreate(input: {
        resource: \"order.details\", serviceId: $service, request: { path: \"/orders/{{order.id}}\" } }) {
        resourceLoader { id timeToLive isRequired request } userErrors { code field message } } }";
    let made = desk.owner(create, value!({ "service": service.as_str() })).await;
    let resource = &made["resourceLoaderCreate"]["resourceLoader"];
    assert_eq!((&resource["timeToLive"], &resource["isRequired"]), (&json!("PT5M"), &json!(false)), "{made}");
    let gone = "mutation($id: ID!) { serviceDelete(input: { id: $id }) { deletedId userErrors { code } } }";
    let refused = desk.owner(gone, value!({ "id": service.as_str() })).await;
    assert_eq!(refused["serviceDelete"]["userErrors"][0]["code"], "IN_USE", "{refused}");
    let remove = "mutation($id: ID!) { resourceLoaderDelete(input: { id: $id }) { deletedId userErrors { code } } }";
    let removed = desk.owner(remove, value!({ "id": resource["id"].as_str().unwrap() })).await;
    assert_eq!(removed["resourceLoaderDelete"]["deletedId"], resource["id"], "{removed}");
    let removed = desk.owner(gone, value!({ "id": service.as_str() })).await;
    assert_eq!(removed["serviceDelete"]["deletedId"], service.as_str(), "{removed}");
    let removed = desk.owner(delete, value!({ "id": secret.as_str() })).await;
    assert_eq!(removed["secretDelete"]["deletedId"], secret.as_str(), "{removed}");
}

#[tokio::test]
async fn a_variable_fits_its_schema_until_that_is_taken_away() {
    let desk = Desk::new(Answers::Nothing).await;
    let set = "mutation($input: VariableSetInput!) { variableSet(input: $input) {
        variable { value schema revision } userErrors { code field } } }";
    let number = value!({ "input": { "name": "limit", "value": 5, "schema": { "type": "number" } } });
    assert_eq!(desk.owner(set, number).await["variableSet"]["variable"]["value"], 5);
    let text = value!({ "input": { "name": "limit", "value": "five" } });
    let refused = desk.owner(set, text).await;
    assert_eq!(refused["variableSet"]["userErrors"][0]["code"], "INPUT_SCHEMA_MISMATCH", "{refused}");
    let free = value!({ "input": { "name": "limit", "value": "five", "schema": null, "expectedRevision": 1 } });
    let changed = desk.owner(set, free.clone()).await;
    assert_eq!(changed["variableSet"]["variable"]["schema"], Value::Null, "{changed}");
    let late = desk.owner(set, free).await;
    assert_eq!(late["variableSet"]["userErrors"][0]["code"], "CONFLICT", "{late}");
}

#[tokio::test]
async fn who_may_not_use_secrets_neither_sees_them_nor_sends_them_elsewhere() {
    let desk = Desk::new(Answers::Nothing).await;
    let (_secret, service) = desk.shop("HTTP", "https://shop.example.com").await;
    let editor = [Permission::ServiceRead, Permission::ServiceWrite];
    let read = "query($id: ID!) { service(id: $id) { authentication { kind secretName secret { id } } } }";
    let answer = desk.run(&editor, read, value!({ "id": service.as_str() })).await;
    assert_eq!(answer["data"]["service"]["authentication"]["secretName"], "shop_token", "{answer}");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    let lead_away =
        "mutation($id: ID!) { serviceUpdate(input: { id: $id, baseUrl: \"https://elsewhere.example.com\" }) {
        service { id } userErrors { code } } }";
    let answer = desk.run(&editor, lead_away, value!({ "id": service.as_str() })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    let title = "mutation($id: ID!) { serviceUpdate(input: { id: $id, title: \"The shop\" }) { service { title } } }";
    let answer = desk.run(&editor, title, value!({ "id": service.as_str() })).await;
    assert_eq!(answer["data"]["serviceUpdate"]["service"]["title"], "The shop", "{answer}");
}

const CHECK: &str = "mutation($id: ID!) { serviceCheck(input: { id: $id }) {
    isReachable statusCode problem userErrors { code message } } }";

#[tokio::test]
async fn a_check_asks_a_service_without_credentials_and_tells_what_came() {
    let desk = Desk::new(Answers::Status(401)).await;
    let (_secret, service) = desk.shop("HTTP", "https://shop.example.com/v1").await;
    let answer = desk.owner(CHECK, value!({ "id": service.as_str() })).await;
    let check = &answer["serviceCheck"];
    assert_eq!((&check["isReachable"], &check["statusCode"]), (&json!(true), &json!(401)), "{answer}");
    assert_eq!(desk.asked(), [("https://shop.example.com/v1".to_owned(), false)]);
    let path = "mutation($id: ID!) { serviceUpdate(input: { id: $id, settings: { health_path: \"/up\" } }) {
        service { id } } }";
    desk.owner(path, value!({ "id": service.as_str() })).await;
    desk.owner(CHECK, value!({ "id": service.as_str() })).await;
    assert_eq!(desk.asked()[1].0, "https://shop.example.com/v1/up");
}

#[tokio::test]
async fn a_check_of_what_does_not_answer_or_is_not_http_tells_so() {
    let desk = Desk::new(Answers::Nothing).await;
    let (_secret, service) = desk.shop("HTTP", "https://shop.example.com").await;
    let answer = desk.owner(CHECK, value!({ "id": service.as_str() })).await;
    assert_eq!(answer["serviceCheck"]["isReachable"], false, "{answer}");
    assert!(answer["serviceCheck"]["problem"].as_str().unwrap().contains("cannot be called"), "{answer}");
    let desk = Desk::new(Answers::Status(200)).await;
    let (_secret, service) = desk.shop("REDIS", "redis://cache.example.com").await;
    let answer = desk.owner(CHECK, value!({ "id": service.as_str() })).await;
    assert_eq!(answer["serviceCheck"]["userErrors"][0]["code"], "INVALID", "{answer}");
    assert!(desk.asked().is_empty());
}
