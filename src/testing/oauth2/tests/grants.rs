use serde_json::json;

use super::*;
use crate::testing::oauth2::ClientAuth;

#[tokio::test]
async fn a_client_gets_a_token_for_itself() {
    let pair = start_default().await;
    let answer = pair.client_credentials().await;
    assert_eq!(answer.status, 200);
    let access = answer.text("/access_token");
    assert_eq!(
        answer.json(),
        json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "read",
        })
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["pragma"], "no-cache");
    let called = pair.get("/things?a=b", &access).await;
    assert_eq!(
        called.json(),
        json!({
            "ok": true,
            "client": ID,
            "user": null,
            "scope": "read",
            "method": "GET",
            "path": "/things?a=b",
        })
    );
    pair.assert_clean();
    let counts = pair.counts();
    assert_eq!(
        (counts.token_requests, counts.client_credentials_ok),
        (1, 1)
    );
    assert_eq!((counts.api_calls, counts.api_ok), (1, 1));
    assert_eq!(counts.tokens_issued, 1);
}

#[tokio::test]
async fn a_refresh_token_comes_along_if_it_is_to() {
    let builder = Simulator::builder().client_credentials_refresh(true);
    let pair = start(builder).await;
    let answer = pair.client_credentials().await;
    let refreshed = pair.refresh(&answer.text("/refresh_token")).await;
    assert_eq!(refreshed.status, 200);
    pair.assert_clean();
}

#[tokio::test]
async fn a_resource_owner_gives_name_and_password() {
    let pair = start(Simulator::builder().user("johndoe", "A3ddj3w")).await;
    let form = "grant_type=password&username=johndoe&password=A3ddj3w";
    let answer = pair.token(form).await;
    assert_eq!(answer.status, 200);
    assert!(answer.keys().contains(&"refresh_token".to_owned()));
    let called = pair.get("/", &answer.text("/access_token")).await;
    assert_eq!(called.text("/user"), "johndoe");

    let wrong = pair.token(&form.replace("A3ddj3w", "other")).await;
    assert_error(&wrong, 400, "invalid_grant");
    let unknown = pair.token(&form.replace("johndoe", "other")).await;
    assert_error(&unknown, 400, "invalid_grant");
    pair.assert_clean();
    let missing = pair.token("grant_type=password&username=johndoe").await;
    assert_error(&missing, 400, "invalid_request");
    assert_eq!(
        pair.server.violations(),
        ["token request: there is no username or no password"]
    );
    assert_eq!(pair.counts().passwords_ok, 1);
}

#[tokio::test]
async fn other_grants_are_not_supported() {
    let pair = start_default().await;
    for grant in ["password", "authorization_code", "client_credential"] {
        let answer = pair.token(&format!("grant_type={grant}")).await;
        assert_error(&answer, 400, "unsupported_grant_type");
    }
    pair.assert_clean();
    for form in ["", "scope=read", "grant_type="] {
        assert_error(&pair.token(form).await, 400, "invalid_request");
    }
    assert_eq!(
        pair.server.violations(),
        ["token request: there is no grant_type"; 3]
    );
}

#[tokio::test]
async fn scopes_are_granted_as_asked() {
    let pair = start(Simulator::builder().scopes(["a", "b", "c"])).await;
    for (form, scope) in [("", "a"), ("&scope=", "a"), ("&scope=c+b", "b c")] {
        let form = format!("grant_type=client_credentials{form}");
        let answer = pair.token(&form).await;
        assert_eq!(answer.text("/scope"), scope);
    }
    let form = "grant_type=client_credentials&scope=a+d";
    assert_error(&pair.token(form).await, 400, "invalid_scope");
    pair.assert_clean();

    for scope in ["a++b", "+a", "%22"] {
        let form = format!("grant_type=client_credentials&scope={scope}");
        assert_error(&pair.token(&form).await, 400, "invalid_request");
    }
    assert_eq!(pair.counts().violations, 3);
}

#[tokio::test]
async fn resources_are_granted_as_asked() {
    let (files, mail) = ("https://api.example/files", "https://api.example/mail");
    let builder = Simulator::builder()
        .resource(files, "/files")
        .resource(mail, "/mail");
    let pair = start(builder).await;
    let token = async |resources: &[&str]| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.extend_pairs(resources.iter().map(|uri| ("resource", uri)));
        pair.token(&form.finish()).await
    };
    for (resources, opens) in [
        (&[][..], [false, false, true]),
        (&[files][..], [true, false, true]),
        (&[mail][..], [false, true, true]),
        (&[files, mail][..], [true, true, true]),
    ] {
        let access = token(resources).await.text("/access_token");
        for (path, opens) in ["/files/1", "/mail", "/other"].into_iter().zip(opens) {
            let answer = pair.get(path, &access).await;
            assert_eq!(answer.status == 200, opens, "{resources:?} {path}");
            if !opens {
                let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap();
                assert!(challenge.contains(r#"error="invalid_token""#));
            }
        }
    }
    let unknown = token(&["https://api.example/other"]).await;
    assert_error(&unknown, 400, "invalid_target");
    pair.assert_clean();
    for bad in ["/files", "https://api.example/files#x", "files"] {
        assert_error(&token(&[bad]).await, 400, "invalid_target");
    }
    let sentence = "token request: a resource is not an absolute URI without a fragment";
    assert_eq!(pair.server.violations(), [sentence; 3]);
}

#[tokio::test]
async fn what_is_asked_is_kept_without_secrets() {
    let pair = start_default().await;
    let form = "grant_type=client_credentials&scope=read+write&resource=a&resource=b&tenant=x";
    // What it does not know it ignores.
    let answer = pair.token(form).await;
    assert_eq!(answer.text("/scope"), "read write");
    pair.refresh("the-refresh-token").await;
    let form = format!("grant_type=client_credentials&client_id={ID}&client_secret={SECRET}");
    pair.send(pair.bare("/token", &form)).await;

    let requests = pair.server.token_requests();
    let first = &requests[0];
    assert_eq!(first.grant_type, "client_credentials");
    assert_eq!(first.client_id.as_deref(), Some(ID));
    assert_eq!(first.client_auth, Some(ClientAuth::Basic));
    assert_eq!(first.scope.as_deref(), Some("read write"));
    assert_eq!(first.resources, ["a", "b"]);
    let names = ["grant_type", "resource", "scope", "tenant"];
    assert_eq!(first.parameters, names);
    assert_eq!(requests[1].parameters, ["grant_type", "refresh_token"]);
    assert_eq!(requests[2].client_auth, Some(ClientAuth::Form));
    let shown = format!("{requests:?} {:?}", pair.server);
    for secret in [SECRET, "the-refresh-token"] {
        assert!(!shown.contains(secret));
    }
    pair.assert_clean();
}
