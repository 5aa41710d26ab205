//! The chart: how long calls took over time, with the kills and the new tokens.

use std::{path::Path, time::Instant};

use plotters::prelude::*;
use tower_reauth::BoxError;

use crate::{args::Settings, figures::Figures, server::Change};

/// The colours of contestants, in their order.
const COLORS: [RGBColor; 5] = [
    RGBColor(120, 120, 120),
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
];

/// So wide is a column, of which the median and the 99th percentile are drawn.
const COLUMN: f64 = 0.05;

pub(crate) fn draw(
    path: &Path,
    settings: &Settings,
    all: &[Figures],
    changes: &[Change],
    begun: Instant,
) -> Result<(), BoxError> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let columns: Vec<_> = all.iter().map(columns).collect();
    let every = columns.iter().flatten();
    let (end, highest) = every.fold((0.1_f64, 0.1_f64), |(end, highest), column| {
        (end.max(column.at), highest.max(column.p99))
    });
    let area = SVGBackend::new(path, (1000, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let caption = format!(
        "latency of calls: {}, {} callers",
        if settings.http2 { "h2" } else { "h1" },
        settings.callers
    );
    let mut chart = ChartBuilder::on(&area)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("seconds since the start")
        .y_desc("ms: line median, dots 99th percentile")
        .light_line_style(TRANSPARENT)
        .draw()?;
    for change in changes {
        let at = change.at.duration_since(begun).as_secs_f64();
        let (color, top) = if change.is_kill {
            (RED, highest * 1.1)
        } else {
            (GREEN, highest * 0.06)
        };
        chart.draw_series([PathElement::new([(at, 0.0), (at, top)], color.mix(0.5))])?;
    }
    for ((figures, columns), color) in all.iter().zip(&columns).zip(COLORS.iter().cycle()) {
        let color = *color;
        // No line over the turns of others.
        let turns = columns.chunk_by(|one, next| next.at - one.at < 2.0 * COLUMN);
        let line = |turn: &[Column]| {
            let medians: Vec<_> = turn.iter().map(|column| (column.at, column.p50)).collect();
            PathElement::new(medians, color)
        };
        chart
            .draw_series(turns.map(line))?
            .label(figures.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
        let dot = |place| Circle::new(place, 2, color.mix(0.6).filled());
        chart.draw_series(columns.iter().map(|column| dot((column.at, column.p99))))?;
    }
    let mark = |color: RGBColor| move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color);
    let none = || std::iter::empty::<PathElement<(f64, f64)>>();
    chart
        .draw_series(none())?
        .label("tokens killed")
        .legend(mark(RED));
    chart
        .draw_series(none())?
        .label("token issued")
        .legend(mark(GREEN));
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    area.present()?;
    Ok(())
}

struct Column {
    at: f64,
    p50: f64,
    p99: f64,
}

fn columns(figures: &Figures) -> Vec<Column> {
    let mut calls = figures.calls.clone();
    calls.sort_unstable_by_key(|call| call.at);
    let column = |at: f64| (at / COLUMN) as u64;
    calls
        .chunk_by(|one, next| column(one.at.as_secs_f64()) == column(next.at.as_secs_f64()))
        .map(|calls| {
            let mut times: Vec<_> = calls.iter().map(|call| call.took).collect();
            times.sort_unstable();
            let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
            Column {
                at: calls[0].at.as_secs_f64(),
                p50: at(50),
                p99: at(99),
            }
        })
        .collect()
}
