//! One renewal through a store: lease, look again, adopt or renew, save, give back.

use std::sync::Arc;

use super::{
    Lease, LostAnswer, Record, Saved,
    link::{Link, unsaved},
};
use crate::{Error, ErrorKind, Reason, Renewal, Renewed, Token, renew::Credential};

/// How often a transaction is begun anew because others wrote at the same time. They should not,
/// as long as it has the lease.
const MOST_CONFLICTS: usize = 8;

/// What a look into the store came to.
enum Look {
    /// Others have renewed: this is their token.
    Adopt(Token),
    /// It is ours to renew, from what this record holds.
    Renew(Record),
}

/// How a transaction begins.
enum Opened {
    /// It is over: others have renewed.
    Adopted(Token),
    /// Nobody wants its result any more.
    Abandoned,
    /// It has the lease, and has looked.
    Held(Lease, Look),
}

/// Runs `renewal` by way of the store, with `renew` for what cannot be had from it.
pub(crate) async fn run<F, Fut>(
    link: &Arc<Link>,
    renewal: Renewal,
    renew: F,
) -> Result<Renewed, Error>
where
    F: FnOnce(Renewal) -> Fut,
    Fut: Future<Output = Result<Renewed, Error>>,
{
    link.watch();
    // First this and then whether it is wanted: who clears does it the other way round.
    let since = link.by_hand();
    if renewal.is_abandoned() {
        return Err(Token::cleared());
    }
    let opened = async {
        // What is there already needs no lease: thousands may come for it at once.
        if let Some(token) = glance(link, &renewal).await? {
            return Ok(Opened::Adopted(token));
        }
        let lease = tokio::select! {
            biased;
            lease = link.store.lease(&link.key, link.lease_ttl) => lease?,
            // The watcher has brought what others renewed. Those who need a lease come sooner to it.
            () = renewal.abandoned() => return Ok(Opened::Abandoned),
        };
        if renewal.is_abandoned() {
            return Ok(Opened::Abandoned);
        }
        let look = look(link, &renewal).await?;
        Ok(Opened::Held(lease, look))
    };
    match opened.await {
        Ok(Opened::Adopted(token)) => Ok(Renewed::new(token).adopted()),
        Ok(Opened::Abandoned) => Err(Token::cleared()),
        Ok(Opened::Held(lease, Look::Adopt(token))) => {
            lease.release().await;
            Ok(Renewed::new(token).adopted())
        }
        Ok(Opened::Held(lease, Look::Renew(record))) => {
            let renewed = renew_from(link, renewal, record, since, renew).await;
            lease.release().await;
            renewed
        }
        Err(error) if link.fail_open => {
            let seen = *link.seen.lock().await;
            let renewed = renew(renewal).await?;
            let record = Record::of(renewed.credential.clone(), seen, &*link.clock);
            link.keep(record, since);
            Ok(renewed.with_warning(unsaved(error)))
        }
        Err(error) => Err(unreachable_store(error)),
    }
}

/// Looks for what others have done.
async fn glance(link: &Link, renewal: &Renewal) -> Result<Option<Token>, Error> {
    let mut seen = link.seen.lock().await;
    link.flush_over(&mut seen).await?;
    let Some(record) = link.store.load(&link.key).await? else {
        return Ok(None);
    };
    let token = adoptable(link, renewal, &record);
    if token.is_some() {
        *seen = record.version;
    }
    Ok(token)
}

/// Looks for what others have done, and notes in the store that a renewal begins if it is ours.
async fn look(link: &Link, renewal: &Renewal) -> Result<Look, Error> {
    let mut seen = link.seen.lock().await;
    for _ in 0..MOST_CONFLICTS {
        link.flush_over(&mut seen).await?;
        let Some(record) = link.store.load(&link.key).await? else {
            // What the session was given to begin with is all there is.
            return Ok(Look::Renew(Record::new(
                0,
                renewal.previous.clone(),
                None,
                0,
            )));
        };
        *seen = record.version;
        if let Some(token) = adoptable(link, renewal, &record) {
            return Ok(Look::Adopt(token));
        }
        if record
            .token
            .as_ref()
            .is_none_or(|token| token.refresh_token().is_none())
        {
            // Nothing that can be spent, so nothing to note.
            return Ok(Look::Renew(record));
        }
        let mut noted = record;
        noted.version = noted.version.saturating_add(1);
        noted.begun = noted.begun.saturating_add(1);
        if link.store.save(&link.key, &noted).await? == Saved::Done {
            *seen = noted.version;
            return Ok(Look::Renew(noted));
        }
    }
    Err(Error::with_message(
        ErrorKind::Store,
        "others write under the same key without a lease: is the key shared by mistake?",
    ))
}

/// Returns the stored token if it is another than the one that is to be replaced, and lives.
fn adoptable(link: &Link, renewal: &Renewal, record: &Record) -> Option<Token> {
    let token = record.live(&*link.clock)?;
    let is_other = match &renewal.previous {
        Some(previous) => previous.header() != token.header(),
        // Who has none yet takes what there is, unless a new one was asked for in so many words.
        None => renewal.reason != Reason::Explicit,
    };
    is_other.then_some(token)
}

/// Renews from `record`, which is noted in the store as being renewed, and saves the result.
async fn renew_from<F, Fut>(
    link: &Arc<Link>,
    mut renewal: Renewal,
    record: Record,
    since: u64,
    renew: F,
) -> Result<Renewed, Error>
where
    F: FnOnce(Renewal) -> Fut,
    Fut: Future<Output = Result<Renewed, Error>>,
{
    // Those before us who did not live to say how it ended.
    let lost = record.begun.saturating_sub(1);
    let may_present = match link.lost_answer {
        LostAnswer::PresentOnce => lost <= 1,
        LostAnswer::SignIn => lost == 0,
        LostAnswer::PresentAgain => true,
    };
    renewal.previous = record.token.clone().map(|token| {
        if may_present {
            token
        } else {
            token.keep_refresh_token(None)
        }
    });
    match renew(renewal).await {
        Ok(renewed) => save(link, renewed, record.version, since).await,
        Err(error) => {
            if record.begun > 0 {
                unnote(link, record).await;
            }
            Err(error)
        }
    }
}

/// Saves what was renewed over `version`, or takes over what others have saved there meanwhile.
async fn save(
    link: &Arc<Link>,
    renewed: Renewed,
    version: u64,
    since: u64,
) -> Result<Renewed, Error> {
    let record = Record::of(renewed.credential.clone(), version, &*link.clock);
    let mut seen = link.seen.lock().await;
    match link.store.save(&link.key, &record).await {
        Ok(Saved::Done) => {
            *seen = record.version;
            Ok(renewed)
        }
        Ok(Saved::Conflict) => {
            // The lease ran out while we renewed. Whoever came after us has the newer token; if it
            // was given up meanwhile, so will ours be, by those who gave it up.
            let Ok(Some(newer)) = link.store.load(&link.key).await else {
                return Ok(renewed.with_warning(overtaken()));
            };
            Ok(match newer.live(&*link.clock) {
                Some(token) => {
                    *seen = newer.version;
                    Renewed::new(token).adopted()
                }
                // Not seen: that it was given up is news to the watcher, who clears the session.
                None => renewed.with_warning(overtaken()),
            })
        }
        Err(error) => {
            drop(seen);
            link.keep(record, since);
            Ok(renewed.with_warning(unsaved(error)))
        }
    }
}

/// Takes the note back that `record` is being renewed: it failed, and we live to say so.
async fn unnote(link: &Link, record: Record) {
    let mut seen = link.seen.lock().await;
    let mut restored = record;
    restored.version = restored.version.saturating_add(1);
    restored.begun = restored.begun.saturating_sub(1);
    // If it cannot be said, the next one presents the refresh token once more and no oftener.
    if let Ok(Saved::Done) = link.store.save(&link.key, &restored).await {
        *seen = restored.version;
    }
}

fn unreachable_store(error: Error) -> Error {
    Error::with_message(
        ErrorKind::Store,
        "the store cannot be used, so no token is renewed: others might renew the same one \
         (fail_open() renews all the same)",
    )
    .caused_by(error)
}

fn overtaken() -> Error {
    Error::with_message(
        ErrorKind::Store,
        "others wrote to the store while this token was renewed, so it is not saved: is \
         lease_ttl() longer than a renewal can take?",
    )
}
