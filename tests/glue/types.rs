//! Managing multi-factor authentication.

use tower_reauth::{
    Code, CodeRequest, ErrorKind,
    providers::glue::{GlueBuilder, MfaErrorCode, MfaStatus},
    testing::glue::{Simulator, TypeStatus},
};

use crate::support::*;

async fn mailed(shop: &Shop) -> Code {
    Code::new(shop.server.next_code(USERNAME).await).unwrap()
}

#[tokio::test]
async fn a_type_is_activated_used_and_deactivated() {
    guarded(async {
        let server = Simulator::builder().account_without_mfa(USERNAME, PASSWORD);
        let shop = Shop::open(server).await;
        let types = shop.types();
        let list = types.list().await.unwrap();
        let status: Vec<_> = list
            .iter()
            .map(|kind| (kind.name(), kind.status()))
            .collect();
        assert_eq!(status, [("email", &MfaStatus::Deactivated)]);
        // Nobody asks for a code yet.
        shop.works().await;
        assert_eq!(shop.counts().missing_codes, 0);

        types.activate("email").await.unwrap();
        assert_eq!(types.list().await.unwrap()[0].status(), &MfaStatus::Pending);
        let wrong = Code::new("000000").unwrap();
        let error = types.verify("email", &wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CodeRejected);
        types.verify("email", &mailed(&shop).await).await.unwrap();
        assert!(types.list().await.unwrap()[0].is_activated());
        shop.works().await;
        assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));

        types.deactivate("email").await.unwrap();
        assert_eq!(shop.server.mfa(USERNAME, "email"), TypeStatus::Deactivated);
        // With the code that was there.
        assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));
        shop.works().await;
        let counts = shop.counts();
        assert_eq!((counts.activations_ok, counts.verifications_ok), (1, 1));
        assert_eq!(counts.deactivations_ok, 1);
    })
    .await;
}

#[tokio::test]
async fn a_code_for_deactivating_is_triggered() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.types().deactivate("email").await.unwrap();
        let counts = shop.counts();
        assert_eq!((counts.triggers, counts.deactivations), (1, 1));
        assert_eq!(shop.prompts(), 1);
    })
    .await;
}

#[tokio::test]
async fn each_type_is_deactivated_by_a_code_of_its_own() {
    for discovers in [false, true] {
        guarded(async {
            let server = Simulator::builder().mfa_type("sms");
            let settings = |glue: GlueBuilder| match discovers {
                true => glue.discover_mfa_type(),
                false => glue,
            };
            let shop = Shop::with(server, settings, |mfa| mfa).await;
            shop.server.set_mfa(USERNAME, "sms", TypeStatus::Activated);
            // There is a code of the other type.
            shop.works().await;
            let types = shop.types();
            types.deactivate("sms").await.unwrap();
            assert_eq!(shop.server.mfa(USERNAME, "sms"), TypeStatus::Deactivated);
            assert_eq!(shop.server.mfa(USERNAME, "email"), TypeStatus::Activated);
            let prompts = shop.asked();
            let by: Vec<_> = prompts.iter().map(CodeRequest::method).collect();
            assert_eq!(by, ["email", "sms"]);
            assert_eq!(
                (shop.counts().triggers, shop.counts().refused_codes),
                (2, 0)
            );
            types.deactivate("email").await.unwrap();
            assert_eq!(shop.server.mfa(USERNAME, "email"), TypeStatus::Deactivated);
            assert_eq!(shop.counts().refused_codes, 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_second_type_takes_a_code_of_the_first() {
    guarded(async {
        let shop = Shop::open(Simulator::builder().mfa_type("sms")).await;
        let types = shop.types();
        types.activate("sms").await.unwrap();
        let counts = shop.counts();
        assert_eq!((counts.triggers, counts.activations), (1, 2));
        assert_eq!(counts.missing_codes, 1);
        types.verify("sms", &mailed(&shop).await).await.unwrap();
        assert_eq!(shop.server.mfa(USERNAME, "sms"), TypeStatus::Activated);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_has_the_servers_code() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        let types = shop.types();
        for (result, expected) in [
            (
                types.activate("email").await,
                MfaErrorCode::TypeAlreadyActive,
            ),
            (types.activate("pigeon").await, MfaErrorCode::TypeNotFound),
            (types.trigger("pigeon").await, MfaErrorCode::TypeNotFound),
        ] {
            let error = result.unwrap_err();
            assert_eq!(MfaErrorCode::of(&error), Some(expected), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn codes_can_be_given_by_hand() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        let types = shop.types();
        types.trigger("email").await.unwrap();
        shop.mfa.set(mailed(&shop).await);
        shop.works().await;
        // Another makes it worthless, and it is not sent again.
        types.trigger("email").await.unwrap();
        shop.mfa.set(mailed(&shop).await);
        shop.works().await;
        let counts = shop.counts();
        assert_eq!((counts.triggers, shop.prompts()), (2, 0));
        assert_eq!((counts.refused_codes, counts.missing_codes), (0, 0));
    })
    .await;
}
