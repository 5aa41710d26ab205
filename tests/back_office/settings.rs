//! Settings that cannot be right say what to write instead, before anything is sent.

use tokio::net::TcpListener;
use tower_reauth::{
    ErrorKind,
    providers::back_office::BackOffice,
    testing::back_office::{Endpoint, Fault, Simulator},
};

use crate::support::{Desk, EMAIL, PASSWORD, guarded, pooled};

#[tokio::test]
async fn a_wrong_base_url_is_an_error_that_says_what_to_write() {
    for (url, advice) in [
        ("", "write it like https://host.name"),
        ("host.name", "write https://host.name"),
        ("//host.name", "write https://host.name"),
        ("host.name:8443/x", "write https://host.name:8443/x"),
        ("ftp://host.name", "write https://"),
        ("https://", "write it like https://host.name"),
        ("https:///path", "write it like https://host.name"),
        ("https://host.name:0", "from 1 to 65535"),
        ("https://host.name:65536", "from 1 to 65535"),
        (
            "https://me:hunter2@host.name",
            "scheme, host, port and path only",
        ),
        (
            "https://host.name?key=hunter2",
            "scheme, host, port and path only",
        ),
        (
            "https://host.name/#hunter2",
            "scheme, host, port and path only",
        ),
        ("https://höst.name", "punycode"),
        ("https://host name", "write it like https://host.name"),
        ("http://host.name", "write https://host.name"),
        ("http://10.0.0.1:8080", "insecure_http()"),
        ("http://127.0.0.1.host.name", "insecure_http()"),
    ] {
        let builder = BackOffice::builder(pooled(), url).credentials(EMAIL, PASSWORD);
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(advice), "{url}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn missing_credentials_and_limits_of_zero_say_which_setting_it_is() {
    let builder = || BackOffice::builder(pooled(), "https://host.name");
    let complete = || builder().credentials(EMAIL, PASSWORD);
    for (builder, advice) in [
        (builder(), "credentials(email, password)"),
        (builder().credentials("", PASSWORD), "is empty"),
        (builder().credentials(EMAIL, ""), "is empty"),
        (complete().sign_in_limit(0), "sign_in_limit is 0"),
        (complete().confirm_limit(0), "confirm_limit is 0"),
        (complete().refresh_limit(0), "refresh_limit is 0"),
        (complete().max_2fa_attempts(0), "max_2fa_attempts is 0"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_base_url_where_nothing_like_the_api_is_fails_as_such() {
    guarded(async {
        // Nobody listens there any more.
        let address = TcpListener::bind("127.0.0.1:0")
            .await
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let back_office = BackOffice::builder(pooled(), format!("http://{address}"))
            .credentials(EMAIL, PASSWORD)
            .build()
            .unwrap();
        let session = back_office.session().build().unwrap();
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);

        // A web site that knows no such path.
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.server.inject(Endpoint::SignIn, Fault::Status(404));
        let error = desk.call().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains("is the base URL right?"),
            "{error}"
        );
        assert_eq!(desk.traffic(), (1, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_base_url_with_a_slash_or_capital_letters_is_the_same_address() {
    guarded(async {
        let server = Simulator::builder().start().await.unwrap();
        let port = server.address().port();
        for url in [
            format!("http://127.0.0.1:{port}/"),
            format!("HTTP://127.0.0.1:{port}"),
            format!("http://LocalHost:{port}//"),
        ] {
            let before = server.counts().sign_ins_ok;
            let back_office = BackOffice::builder(pooled(), url)
                .credentials(EMAIL, PASSWORD)
                .build()
                .unwrap();
            let session = back_office.session().build().unwrap();
            session.token().await.unwrap();
            assert_eq!(server.counts().sign_ins_ok, before + 1);
        }
        assert_eq!(server.violations(), [""; 0]);
    })
    .await;
}
