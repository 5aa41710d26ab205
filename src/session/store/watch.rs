//! Learning of what others write.

use std::{future::poll_fn, sync::Weak, time::Duration};

use super::link::{Link, News};
use crate::{Token, renew::WeakRenewer};

/// How long to wait after a look that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Hands what others write to the session of `renewer`, until one of them is gone.
pub(super) async fn watch(link: Weak<Link>, renewer: WeakRenewer<Token>) {
    let Some(mut changes) = link.upgrade().map(|link| link.store.changes(&link.key)) else {
        return;
    };
    while poll_fn(|cx| changes.as_mut().poll_next(cx)).await.is_some() {
        loop {
            let Some(link) = link.upgrade() else { return };
            let pause = match link.news().await {
                Ok(news) => {
                    let is_there = match news {
                        News::Token(token) => {
                            let theirs = token.clone();
                            renewer.adopt(token, |ours| ours.header() == theirs.header())
                        }
                        News::Gone => renewer.clear(),
                        News::Nothing => true,
                    };
                    if !is_there {
                        return;
                    }
                    break;
                }
                // Whoever needs the store is told; here it is looked at again.
                Err(_) => link.clock.sleep(PAUSE),
            };
            drop(link);
            pause.await;
        }
    }
}
