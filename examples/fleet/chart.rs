//! The chart: how long slow calls took, and when the provider saw sign-ins and renewals.

use plotters::prelude::*;
use tower_reauth::BoxError;

use crate::{STORY, WHOLE, replica::Felt, server::Server};

pub(crate) fn draw(path: &str, server: &Server, felt: &Felt) -> Result<(), BoxError> {
    if let Some(directory) = std::path::Path::new(path).parent() {
        std::fs::create_dir_all(directory)?;
    }
    let (log, felt) = (server.log(), felt.read());
    let end = WHOLE.as_secs_f64();
    let highest = felt.worst.as_secs_f64().max(1.0) * 1.1;
    let area = SVGBackend::new(path, (1000, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("calls that took longer than a second", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..highest)?;
    chart
        .configure_mesh()
        .x_desc("seconds since the start")
        .y_desc("seconds waited")
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (at, what) in STORY {
        let at = at as f64;
        chart.draw_series([PathElement::new([(at, 0.0), (at, highest)], RED.mix(0.4))])?;
        let place = (at + 4.0, highest * 0.98);
        chart.draw_series([Text::new(
            what,
            place,
            ("sans-serif", 12).into_font().color(&RED),
        )])?;
    }
    // So many dots say no more than some of them.
    let every = felt.slow.len() / 4000 + 1;
    chart.draw_series(felt.slow.iter().step_by(every).map(|(at, took)| {
        let place = (at.as_secs_f64(), took.as_secs_f64());
        Circle::new(place, 1, BLUE.mix(0.5).filled())
    }))?;
    let marks = [
        ("sign-ins", &log.sign_ins, RED, 0.05),
        ("renewals", &log.refreshes, GREEN, 0.02),
    ];
    for (label, times, color, height) in marks {
        let mark = |at: &std::time::Duration| {
            TriangleMarker::new((at.as_secs_f64(), highest * height), 6, color.filled())
        };
        chart
            .draw_series(times.iter().map(mark))?
            .label(label)
            .legend(move |place| TriangleMarker::new(place, 6, color.filled()));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::MiddleRight)
        .draw()?;
    area.present()?;
    Ok(())
}
