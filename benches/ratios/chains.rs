//! In a chain of reqwest-middleware: row 12.

use crate::{
    common::{
        chains::{self, send},
        stacks,
    },
    table::Row,
    turns::{self, single},
};

pub(crate) fn rows() -> Vec<Row> {
    let session = stacks::session();
    let (bare, by_hand) = (chains::empty(), chains::by_hand());
    let ours = chains::with_bearer(&session);
    let stack = chains::with(session.layer());
    let [none, hand, bearer, stacked] = turns::take([
        single(|| send(&bare)),
        single(|| send(&by_hand)),
        single(|| send(&ours)),
        single(|| send(&stack)),
    ]);
    vec![
        Row::ratio(
            "12",
            "in reqwest-middleware: Bearer against one written by hand, in all",
            bearer / hand,
            1.15,
        ),
        Row::ratio(
            "12",
            "the same for the session's stack (Replay, Refresh, Bearer)",
            stacked / hand,
            1.15,
        ),
        Row::told(
            "12",
            "the empty chain against one written by hand",
            format!("{:.2}", none / hand),
        ),
    ]
}
