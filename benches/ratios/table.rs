//! The table at the end.

/// One line: what was measured, and what is to be reached.
pub(crate) struct Row {
    /// The number in the plan's table.
    pub(crate) number: &'static str,
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) goal: String,
    pub(crate) is_reached: bool,
}

impl Row {
    /// A ratio that is to be no more than `goal`.
    pub(crate) fn ratio(number: &'static str, what: &str, measured: f64, goal: f64) -> Self {
        Self {
            number,
            what: what.to_owned(),
            measured: format!("{measured:.2}"),
            goal: format!("<= {goal:.2}"),
            is_reached: measured <= goal,
        }
    }

    /// Nanoseconds that are to be no more than `goal`.
    pub(crate) fn nanos(number: &'static str, what: &str, measured: f64, goal: f64) -> Self {
        Self {
            number,
            what: what.to_owned(),
            measured: format!("{measured:+.0} ns"),
            goal: format!("<= {goal:.0} ns"),
            is_reached: measured <= goal,
        }
    }

    /// A count that is to be no more than `goal`.
    pub(crate) fn count(number: &'static str, what: &str, measured: usize, goal: usize) -> Self {
        Self {
            number,
            what: what.to_owned(),
            measured: measured.to_string(),
            goal: format!("<= {goal}"),
            is_reached: measured <= goal,
        }
    }

    /// What is told for comparison.
    pub(crate) fn told(number: &'static str, what: &str, measured: String) -> Self {
        Self {
            number,
            what: what.to_owned(),
            measured,
            goal: String::new(),
            is_reached: true,
        }
    }
}

pub(crate) fn begin() {
    println!("| # | what | measured | to reach | |");
    println!("| --- | --- | --- | --- | --- |");
}

pub(crate) fn print(rows: Vec<Row>) {
    for row in rows {
        let verdict = match (row.goal.is_empty(), row.is_reached) {
            (true, _) => "",
            (_, true) => "reached",
            (_, false) => "missed",
        };
        println!(
            "| {} | {} | {} | {} | {verdict} |",
            row.number, row.what, row.measured, row.goal
        );
    }
}
