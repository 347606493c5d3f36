//! Organizations, members, roles, invitations and keys, as clients of the API meet them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, run};

const AGENT: &str = "rol_00000000000000000000000006";
const OWNER: &str = "rol_00000000000000000000000001";

/// The payload of a mutation.
async fn mutate(api: &Api, name: &str, input_type: &str, input: Value, wanted: &str) -> Value {
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {wanted} userErrors {{ code message field help }} }} }}"
    );
    api.data(&query, json!({ "input": input })).await[name].take()
}

/// The code and the field of the only mistake.
fn mistake(payload: &Value) -> (&str, Value) {
    let mistakes = payload["userErrors"].as_array().unwrap();
    assert_eq!(mistakes.len(), 1, "{payload}");
    (mistakes[0]["code"].as_str().unwrap(), mistakes[0]["field"].clone())
}

#[tokio::test]
async fn a_role_is_made_changed_and_removed() {
    let server = Embedded::start().await;
    let api = &server.api;
    let input = json!({ "name": "sales_manager", "description": "Sells", "permissions": ["WORKFLOW_READ"], "namespaces": ["sales"] });
    let made = mutate(
        api,
        "roleCreate",
        "RoleCreateInput",
        input.clone(),
        "role { id name isBuiltIn namespaces revision memberCount permissions }",
    )
    .await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    let role = &made["role"];
    assert_eq!(
        (&role["isBuiltIn"], &role["namespaces"], &role["revision"], &role["memberCount"]),
        (&json!(false), &json!(["sales"]), &json!(1), &json!(0))
    );
    let again = mutate(api, "roleCreate", "RoleCreateInput", input, "role { id }").await;
    assert_eq!(mistake(&again), ("ALREADY_EXISTS", json!(["input", "name"])));
    let built_in = json!({ "name": "owner", "permissions": [] });
    let refused = mutate(api, "roleCreate", "RoleCreateInput", built_in, "role { id }").await;
    assert_eq!(mistake(&refused), ("ALREADY_EXISTS", json!(["input", "name"])));
    let change = json!({ "id": role["id"], "expectedRevision": 1, "description": null, "namespaces": null, "permissions": ["EVENT_READ"] });
    let changed = mutate(
        api,
        "roleUpdate",
        "RoleUpdateInput",
        change.clone(),
        "role { description namespaces permissions revision }",
    )
    .await;
    let expected = json!({ "description": null, "namespaces": null, "permissions": ["EVENT_READ"], "revision": 2 });
    assert_eq!(changed["role"], expected);
    let late = mutate(api, "roleUpdate", "RoleUpdateInput", change, "role { id }").await;
    assert_eq!(mistake(&late).0, "CONFLICT");
    let account = json!({ "displayName": "robot", "roleId": role["id"] });
    let robot = mutate(
        api,
        "serviceAccountCreate",
        "ServiceAccountCreateInput",
        account,
        "serviceAccount { id displayName role { name } }",
    )
    .await;
    assert_eq!(robot["serviceAccount"]["role"]["name"], "sales_manager");
    let delete = json!({ "id": role["id"] });
    let used = mutate(api, "roleDelete", "RoleDeleteInput", delete.clone(), "deletedId").await;
    assert_eq!(mistake(&used).0, "IN_USE");
    let gone = mutate(
        api,
        "serviceAccountDelete",
        "ServiceAccountDeleteInput",
        json!({ "id": robot["serviceAccount"]["id"] }),
        "deletedId",
    )
    .await;
    assert_eq!(gone["deletedId"], robot["serviceAccount"]["id"]);
    let deleted = mutate(api, "roleDelete", "RoleDeleteInput", delete, "deletedId").await;
    assert_eq!(deleted["deletedId"], role["id"]);
}

#[tokio::test]
async fn a_service_account_has_a_key_that_is_shown_once() {
    let server = Embedded::start().await;
    let api = &server.api;
    let account = json!({ "displayName": "robot", "roleId": AGENT });
    let made = mutate(api, "serviceAccountCreate", "ServiceAccountCreateInput", account, "serviceAccount { id }").await;
    let robot = &made["serviceAccount"]["id"];
    let nobody = json!({ "displayName": "mine", "permissions": ["EVENT_EMIT"] });
    let refused = mutate(api, "apiKeyCreate", "ApiKeyCreateInput", nobody, "token").await;
    assert_eq!(mistake(&refused).0, "WRONG_STATE", "nobody is signed in");
    let input = json!({ "displayName": "ci", "kind": "AGENT", "permissions": ["EVENT_EMIT"], "serviceAccountId": robot, "allowedAddresses": ["127.0.0.0/8"] });
    let wanted =
        "token apiKey { id prefix kind permissions onBehalfOf { displayName kind } createdBy { displayName } }";
    let key = mutate(api, "apiKeyCreate", "ApiKeyCreateInput", input, wanted).await;
    let token = key["token"].as_str().unwrap();
    assert!(token.starts_with("slk_") && token.starts_with(key["apiKey"]["prefix"].as_str().unwrap()));
    assert_eq!(key["apiKey"]["onBehalfOf"], json!({ "displayName": "robot", "kind": "SERVICE_ACCOUNT" }));
    assert_eq!(key["apiKey"]["createdBy"]["displayName"], "Owner");
    let next = mutate(
        api,
        "apiKeyRotate",
        "ApiKeyRotateInput",
        json!({ "id": key["apiKey"]["id"], "overlap": "1h" }),
        "token apiKey { id }",
    )
    .await;
    assert_ne!(next["token"], key["token"]);
    let void = mutate(
        api,
        "apiKeyRevoke",
        "ApiKeyRevokeInput",
        json!({ "id": next["apiKey"]["id"], "reason": "lost" }),
        "apiKey { revokedAt revokedReason }",
    )
    .await;
    assert_eq!(void["apiKey"]["revokedReason"], "lost");
    let listed = api.data("{ apiKeys { totalCount nodes { displayName revokedAt expiresAt } } serviceAccounts { nodes { displayName } } }", json!({})).await;
    assert_eq!(listed["apiKeys"]["totalCount"], 2);
    assert!(!listed.to_string().contains(token));
    assert_eq!(listed["serviceAccounts"]["nodes"], json!([{ "displayName": "robot" }]));
}

#[tokio::test]
async fn members_and_invitations_are_listed_where_the_caller_is() {
    let server = Embedded::start().await;
    let api = &server.api;
    let account = json!({ "displayName": "robot", "roleId": AGENT });
    let made =
        mutate(api, "serviceAccountCreate", "ServiceAccountCreateInput", account, "serviceAccount { membershipId }")
            .await;
    let invite = json!({ "email": "Eve@Example.com", "roleId": OWNER });
    let first = mutate(
        api,
        "invitationCreate",
        "InvitationCreateInput",
        invite.clone(),
        "acceptUrl invitation { id email role { name } }",
    )
    .await;
    assert!(first["acceptUrl"].as_str().unwrap().contains("/invitation#token=sli_"));
    let second = mutate(api, "invitationCreate", "InvitationCreateInput", invite, "invitation { id }").await;
    let asked = "{ viewer { organization { slug viewerRole { name } viewerPermissions
        members { totalCount nodes { id actor { displayName kind } email role { name } } }
        invitations { nodes { id email expiresAt } } roles { name memberCount } } organizations { slug } }
        organizations { nodes { slug } } permissions { permission group } }";
    let seen = api.data(asked, json!({})).await;
    let organization = &seen["viewer"]["organization"];
    assert_eq!(organization["members"]["totalCount"], 1);
    assert_eq!(
        organization["members"]["nodes"][0]["actor"],
        json!({ "displayName": "robot", "kind": "SERVICE_ACCOUNT" })
    );
    assert_eq!(organization["invitations"]["nodes"][0]["id"], second["invitation"]["id"]);
    assert_eq!(organization["invitations"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(organization["viewerRole"]["name"], "owner");
    let agent = organization["roles"].as_array().unwrap().iter().find(|role| role["name"] == "agent").unwrap();
    assert_eq!(agent["memberCount"], 1);
    assert_eq!(seen["organizations"]["nodes"], seen["viewer"]["organizations"]);
    assert_eq!(
        seen["permissions"].as_array().unwrap().len(),
        organization["viewerPermissions"].as_array().unwrap().len()
    );
    let taken = mutate(
        api,
        "invitationDelete",
        "InvitationDeleteInput",
        json!({ "id": second["invitation"]["id"] }),
        "deletedId",
    )
    .await;
    assert_eq!(taken["deletedId"], second["invitation"]["id"]);
    let again = mutate(
        api,
        "invitationDelete",
        "InvitationDeleteInput",
        json!({ "id": second["invitation"]["id"] }),
        "deletedId",
    )
    .await;
    assert_eq!(mistake(&again).0, "NOT_FOUND");
    let update = json!({ "id": made["serviceAccount"]["membershipId"], "roleId": OWNER });
    let changed = mutate(
        api,
        "membershipUpdate",
        "MembershipUpdateInput",
        update,
        "membership { role { name } organization { slug } }",
    )
    .await;
    assert_eq!(changed["membership"]["role"]["name"], "owner");
    let delete = mutate(
        api,
        "membershipDelete",
        "MembershipDeleteInput",
        json!({ "id": made["serviceAccount"]["membershipId"] }),
        "deletedId",
    )
    .await;
    assert_eq!(mistake(&delete).0, "WRONG_STATE");
}

#[tokio::test]
async fn the_organization_is_changed_on_its_revision_and_that_of_the_installation_stays() {
    let server = Embedded::start().await;
    let api = &server.api;
    let before =
        api.data("{ viewer { organization { id revision } } }", json!({})).await["viewer"]["organization"].take();
    let change = json!({ "id": before["id"], "expectedRevision": before["revision"], "name": "Acme", "description": "Anvils", "defaultRetention": { "completed": "7d" } });
    let wanted = "organization { name description revision defaultRetention { completed } }";
    let changed = mutate(api, "organizationUpdate", "OrganizationUpdateInput", change.clone(), wanted).await;
    assert_eq!(changed["organization"]["name"], "Acme");
    assert_eq!(changed["organization"]["defaultRetention"]["completed"], "PT168H");
    let late = mutate(api, "organizationUpdate", "OrganizationUpdateInput", change, wanted).await;
    assert_eq!(mistake(&late).0, "CONFLICT");
    let delete = json!({ "id": before["id"], "confirmSlug": "default" });
    let refused = mutate(api, "organizationDelete", "OrganizationDeleteInput", delete, "deletedId").await;
    assert_eq!(mistake(&refused).0, "WRONG_STATE");
    let create = "mutation { organizationCreate(input: { name: \"Labs\", slug: \"labs\" }) { organization { id } userErrors { code field } } }";
    let nobody = api.data(create, json!({})).await;
    assert_eq!(mistake(&nobody["organizationCreate"]).0, "WRONG_STATE", "nobody is signed in");
    let elsewhere = api.data("{ organization(id: \"org_00000000000000000000000009\") { slug } }", json!({})).await;
    assert_eq!(elsewhere["organization"], Value::Null);
}

#[tokio::test]
async fn members_roles_and_keys_are_seen_and_changed_from_the_command_line() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    let invited = run(&["invite", "eve@example.com", "--role", "approver", "--url", url], &[]).await;
    assert_eq!((invited.code, &invited.json()["role"]["name"]), (Some(0), &json!("approver")), "{invited:?}");
    let unknown = run(&["invite", "eve@example.com", "--role", "boss", "--url", url], &[]).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("workflow_manager"), "{unknown:?}");
    let roles = run(&["roles", "--url", url, "--output", "table"], &[]).await;
    assert!(roles.out.contains("workflow_viewer") && roles.out.contains("everywhere"), "{roles:?}");
    let account = json!({ "displayName": "robot", "roleId": AGENT });
    let robot =
        mutate(&server.api, "serviceAccountCreate", "ServiceAccountCreateInput", account, "serviceAccount { id }")
            .await;
    let members = run(&["members", "--url", url], &[]).await;
    assert_eq!(members.json()[0]["actor"]["displayName"], "robot", "{members:?}");
    let robot = robot["serviceAccount"]["id"].as_str().unwrap();
    let create = ["keys", "--url", url, "create", "ci", "--permission", "EVENT_EMIT", "--service-account", robot];
    let made = run(&create, &[]).await;
    assert!(made.json()["token"].as_str().unwrap().starts_with("slk_"), "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let renewed = run(&["keys", "--url", url, "rotate", &id, "--overlap", "1h", "--output", "table"], &[]).await;
    assert!(renewed.out.starts_with("slk_"), "{renewed:?}");
    let void = run(&["keys", "--url", url, "revoke", &id, "--reason", "lost"], &[]).await;
    assert_eq!((void.code, &void.json()["id"]), (Some(0), &json!(id)), "{void:?}");
    let listed = run(&["keys", "--url", url], &[]).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 2, "{listed:?}");
}
