/// Each twin: its name, the file, what is right in it, and what stands there while the twin is
/// searched.
pub const TWINS: [(&str, &str, &str, &str); 17] = [
    (
        "no generation compare",
        "renew/ask.rs",
        "Some(entry) if Some(entry.generation) > replaces => {",
        r#"Some(entry) if Some(entry.generation) > replaces
            && !crate::search::is("no generation compare") => {"#,
    ),
    (
        "two flights at once",
        "renew/ask.rs",
        "if let Some(flight) = &state.flight {",
        r#"if let Some(flight) = &state.flight && !crate::search::is("two flights at once") {"#,
    ),
    (
        "a late refusal signs in",
        "renew/ask.rs",
        "None if reason != Reason::Missing
",
        r#"None if reason != Reason::Missing && !crate::search::is("a late refusal signs in")
"#,
    ),
    (
        "a flight ends with its caller",
        "renew/ask.rs",
        "// === impl Flying ===
",
        r#"impl<C> Drop for Flying<C> {
            fn drop(&mut self) {
                if crate::search::is("a flight ends with its caller")
                    && !self.flight.has_ended()
                {
                    crate::search::end_runtime();
                }
            }
        }
"#,
    ),
    (
        "an overtaken flight lands",
        "renew/pilot.rs",
        "Ok(renewed) if is_flying || is_welcome => {",
        r#"Ok(renewed) if is_flying || is_welcome
            || crate::search::is("an overtaken flight lands") => {"#,
    ),
    (
        "an overtaken token is forgotten",
        "renew/pilot.rs",
        "flight.give_late(result.ok().map(|renewed| renewed.credential));",
        r#"flight.give_late(result.ok().map(|renewed| renewed.credential)
            .filter(|_| !crate::search::is("an overtaken token is forgotten")));"#,
    ),
    (
        "a lost flight tells nobody",
        "renew/pilot.rs",
        "        flight.end(Outcome::Lost);
",
        r#"        if !crate::search::is("a lost flight tells nobody") {
            flight.end(Outcome::Lost);
        }
"#,
    ),
    (
        "a lost flight is waited for",
        "renew/pilot.rs",
        "        let mut state = self.renewer.lock();
        if state.is_flying(&flight) {
",
        r#"        let mut state = self.renewer.lock();
        if state.is_flying(&flight) && !crate::search::is("a lost flight is waited for") {
"#,
    ),
    (
        "no pause after a failure",
        "renew/state.rs",
        "let failure = self.failure.as_ref()?;",
        r#"let failure = self.failure.as_ref()
            .filter(|_| !crate::search::is("no pause after a failure"))?;"#,
    ),
    (
        "announced before it is there",
        "renew/renewer.rs",
        "        shared.current.store(Some(Arc::clone(&entry)));
",
        r#"        if crate::search::is("announced before it is there") {
            shared.newest.store(state.last, Ordering::Release);
        }
        shared.current.store(Some(Arc::clone(&entry)));
"#,
    ),
    (
        "published before it is saved",
        "session/store/transaction.rs",
        "    match link.store.save(&link.key, &record).await {
        Ok(Saved::Done) => {
            *seen = record.version;
            Ok(renewed)
",
        r#"    let saved = if crate::search::is("published before it is saved") {
        let (link, record) = (Arc::clone(link), record.clone());
        drop(tokio::spawn(async move { link.store.save(&link.key, &record).await }));
        Ok(Saved::Done)
    } else {
        link.store.save(&link.key, &record).await
    };
    match saved {
        Ok(Saved::Done) => {
            *seen = record.version;
            Ok(renewed)
"#,
    ),
    (
        "not looked at again under the lease",
        "session/store/transaction.rs",
        "        if let Some(token) = adoptable(link, renewal, &record) {
            return Ok(Look::Adopt(token));
",
        r#"        if let Some(token) = adoptable(link, renewal, &record)
            && !crate::search::is("not looked at again under the lease")
        {
            return Ok(Look::Adopt(token));
"#,
    ),
    (
        "a late answer is dropped",
        "renew/pilot.rs",
        "flight.is_given_up() &&",
        r#"flight.is_given_up() && !crate::search::is("a late answer is dropped") &&"#,
    ),
    (
        "clears are not counted",
        "renew/pilot.rs",
        "flight.epoch == state.epoch &&",
        r#"(flight.epoch == state.epoch || crate::search::is("clears are not counted")) &&"#,
    ),
    (
        "copies outlive a newer token",
        "renew/renewer.rs",
        "        if let Some(replaced) = replaced {
",
        r#"        if let Some(replaced) = replaced
            && !crate::search::is("copies outlive a newer token")
        {
"#,
    ),
    (
        "copies outlive a clear",
        "renew/renewer.rs",
        "        if let Some(entry) = &entry {
",
        r#"        if let Some(entry) = &entry
            && !crate::search::is("copies outlive a clear")
        {
"#,
    ),
    (
        "refused codes stay",
        "layers/mfa/recovery.rs",
        "                inner.refused(generation, &said);
",
        r#"                if !crate::search::is("refused codes stay") {
                    inner.refused(generation, &said);
                }
"#,
    ),
];
