//! A chart over time: lines, or areas that stand on each other, and what each is called below.

use anyhow::Result;
use plotters::prelude::*;

use super::draw::{Area, FAINT, FRAME, TEXT, text};
use super::panel::Series;
use super::unit::Unit;

/// The colours of series, in turn.
pub(super) const COLOURS: [RGBColor; 10] = [
    RGBColor(86, 166, 75),
    RGBColor(242, 153, 0),
    RGBColor(50, 116, 217),
    RGBColor(143, 59, 184),
    RGBColor(224, 47, 68),
    RGBColor(0, 166, 160),
    RGBColor(163, 136, 0),
    RGBColor(250, 100, 0),
    RGBColor(110, 118, 129),
    RGBColor(196, 22, 120),
];

/// The height of a line of names.
const NAMES: u32 = 17;
/// How wide a letter of a name is, about.
const LETTER: usize = 6;

/// Draws series over time.
pub(super) fn lines(
    area: &Area<'_>,
    unit: Unit,
    stacked: bool,
    series: &[Series],
    window: (u64, u64),
) -> Result<()> {
    let (width, height) = area.dim_in_pixel();
    let rows = rows(series, width as usize);
    let names = u32::try_from(rows.len())? * NAMES;
    let plot = area.clone().shrink((0, 0), (width, height.saturating_sub(names + 2)));
    let shown =
        if stacked { stack(series) } else { series.iter().map(|series| series.points.clone()).collect() };
    let most = shown.iter().flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.1 } else { 1.0 };
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below what a float holds")]
    let (from, to) = (window.0 as f64, window.1 as f64);
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(18)
        .y_label_area_size(64)
        .margin_right(6)
        .margin_top(4)
        .build_cartesian_2d(from..to, 0.0..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FRAME)
        .axis_style(FRAME)
        .x_labels(4)
        .y_labels(4)
        .x_label_formatter(&|moment| clock(*moment))
        .y_label_formatter(&|value| unit.write(*value))
        .label_style(("sans-serif", 11).into_font().color(&FAINT))
        .draw()?;
    // Those that stand on others first, so that the others are seen.
    for (number, points) in shown.iter().enumerate().rev() {
        let colour = COLOURS[number % COLOURS.len()];
        if stacked {
            chart.draw_series(
                AreaSeries::new(points.iter().copied(), 0.0, lightened(colour)).border_style(colour),
            )?;
        } else {
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        }
    }
    if series.is_empty() {
        text(&plot, "nothing", (i32::try_from(width / 2)?, i32::try_from(height / 2)?), 13, FAINT, false)?;
    }
    for (row, names) in rows.iter().enumerate() {
        let y = i32::try_from(height - names_left(&rows, row) + NAMES - 3)?;
        let mut x = 4;
        for &number in names {
            let colour = COLOURS[number % COLOURS.len()];
            area.draw(&Rectangle::new([(x, y - 9), (x + 9, y - 2)], colour.filled()))?;
            text(area, &series[number].name, (x + 13, y), 11, TEXT, false)?;
            x += i32::try_from(space(&series[number]))?;
        }
    }
    Ok(())
}

fn names_left(rows: &[Vec<usize>], row: usize) -> u32 {
    u32::try_from(rows.len() - row).unwrap_or_default() * NAMES
}

/// Which names stand in which line.
fn rows(series: &[Series], width: usize) -> Vec<Vec<usize>> {
    let (mut rows, mut used): (Vec<Vec<usize>>, usize) = (Vec::new(), usize::MAX);
    for (number, one) in series.iter().enumerate() {
        if used.saturating_add(space(one)) > width {
            rows.push(Vec::new());
            used = 0;
        }
        used += space(one);
        rows.last_mut().into_iter().for_each(|row| row.push(number));
    }
    rows
}

fn space(series: &Series) -> usize {
    series.name.chars().count() * LETTER + 26
}

/// Each series on top of those before it.
fn stack(series: &[Series]) -> Vec<Vec<(f64, f64)>> {
    let mut moments: Vec<f64> =
        series.iter().flat_map(|series| series.points.iter().map(|(at, _)| *at)).collect();
    moments.sort_by(f64::total_cmp);
    moments.dedup();
    let mut below = vec![0.0; moments.len()];
    let on_top = series.iter().map(|series| {
        let at =
            |moment: f64| series.points.iter().find(|(at, _)| *at == moment).map_or(0.0, |(_, value)| *value);
        let stacked = moments.iter().zip(&mut below).map(|(moment, below)| {
            *below += at(*moment);
            (*moment, *below)
        });
        stacked.collect()
    });
    on_top.collect()
}

/// The colour of an area: opaque, since what stands below is drawn over it.
fn lightened(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let light = |part: u8| u8::try_from((u16::from(part) + 3 * 255) / 4).unwrap_or(u8::MAX);
    RGBColor(light(red), light(green), light(blue))
}

/// The time of day, UTC.
fn clock(moment: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a moment of our time")]
    let seconds = moment as u64 % 86_400;
    format!("{:02}:{:02}", seconds / 3600, seconds % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.into(), labels: Default::default(), points: points.to_vec() }
    }

    #[test]
    fn what_is_stacked_stands_on_what_comes_before_also_where_a_series_has_a_gap() {
        let all = [series("a", &[(0.0, 1.0), (1.0, 2.0)]), series("b", &[(1.0, 3.0)])];
        assert_eq!(stack(&all), [vec![(0.0, 1.0), (1.0, 2.0)], vec![(0.0, 1.0), (1.0, 5.0)]]);
    }

    #[test]
    fn names_that_do_not_fit_beside_each_other_stand_below_each_other() {
        let all = [series("0123456789", &[]), series("0123456789", &[]), series("0123456789", &[])];
        assert_eq!(rows(&all, 180), [vec![0, 1], vec![2]]);
        assert_eq!(clock(86_400.0 + 3_720.0), "01:02");
    }
}
