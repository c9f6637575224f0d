//! The dashboard as an SVG: panels on their grid, each with its title.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{self, COLOURS};
use super::panel::{Kind, Panel, Series};

/// The width of a column and the height of a line of the grid.
const CELL: (u32, u32) = (66, 30);
/// What is left free around a panel.
const GAP: u32 = 4;
/// Around all.
const EDGE: u32 = 8;

pub(super) const BACKGROUND: RGBColor = RGBColor(244, 245, 247);
pub(super) const PANEL: RGBColor = RGBColor(255, 255, 255);
pub(super) const FRAME: RGBColor = RGBColor(221, 224, 229);
pub(super) const TEXT: RGBColor = RGBColor(36, 41, 46);
pub(super) const FAINT: RGBColor = RGBColor(110, 118, 129);

/// Where something is drawn.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all panels.
pub(super) fn dashboard(file: &Path, panels: &[(Panel, Vec<Series>)], window: (u64, u64)) -> Result<()> {
    let lines = panels.iter().map(|(panel, _)| panel.place.y + panel.place.h).max().unwrap_or_default();
    let size = (24 * CELL.0 + 2 * EDGE, lines * CELL.1 + 2 * EDGE);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&BACKGROUND)?;
    for (panel, series) in panels {
        let place = &panel.place;
        let corner = (i32::try_from(EDGE + place.x * CELL.0)?, i32::try_from(EDGE + place.y * CELL.1)?);
        let area = root.clone().shrink(corner, (place.w * CELL.0 - GAP, place.h * CELL.1 - GAP));
        self::panel(&area, panel, series, window)?;
    }
    root.present()?;
    Ok(())
}

fn panel(area: &Area<'_>, panel: &Panel, series: &[Series], window: (u64, u64)) -> Result<()> {
    let (width, height) = area.dim_in_pixel();
    if matches!(panel.kind, Kind::Row) {
        return text(area, &format!("▾ {}", panel.title), (4, 18), 16, TEXT, true);
    }
    let (right, bottom) = (i32::try_from(width)? - 1, i32::try_from(height)? - 1);
    area.draw(&Rectangle::new([(0, 0), (right, bottom)], PANEL.filled()))?;
    area.draw(&Rectangle::new([(0, 0), (right, bottom)], FRAME.stroke_width(1)))?;
    text(area, &panel.title, (10, 18), 13, TEXT, true)?;
    let inside = area.clone().shrink((8, 26), (width.saturating_sub(16), height.saturating_sub(32)));
    match &panel.kind {
        Kind::Row => Ok(()),
        Kind::Lines { stacked } => chart::lines(&inside, panel.unit, *stacked, series, window),
        Kind::Number { steps } => number(&inside, panel, steps, series),
        Kind::Table { columns } => table(&inside, panel, columns, series),
    }
}

/// One number, large, in the colour of the last step that it reaches.
fn number(area: &Area<'_>, panel: &Panel, steps: &[(f64, String)], series: &[Series]) -> Result<()> {
    let (width, height) = area.dim_in_pixel();
    let value = series.first().and_then(|series| series.points.last()).map(|(_, value)| *value);
    let colour = value.and_then(|value| steps.iter().rfind(|(from, _)| value >= *from));
    let colour = match colour.map(|(_, colour)| colour.as_str()) {
        Some("green") => COLOURS[0],
        Some("orange") => COLOURS[1],
        Some("red") => COLOURS[4],
        _ => TEXT,
    };
    let told = value.map_or_else(|| "no data".to_owned(), |value| panel.unit.write(value));
    let style = ("sans-serif", 34).into_font().color(&colour).pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(told, (i32::try_from(width / 2)?, i32::try_from(height / 2)?), style))?;
    Ok(())
}

/// A line a series, a column a label; `Value` is the value.
fn table(area: &Area<'_>, panel: &Panel, columns: &[(String, String)], series: &[Series]) -> Result<()> {
    let (width, height) = area.dim_in_pixel();
    let of =
        |number: usize| -> Result<i32> { Ok(i32::try_from(number * width as usize / columns.len().max(1))?) };
    for (number, (_, title)) in columns.iter().enumerate() {
        text(area, title, (of(number)?, 14), 12, FAINT, true)?;
    }
    let room = (height as usize).saturating_sub(20) / 19;
    for (line, series) in series.iter().take(room).enumerate() {
        let y = i32::try_from(34 + line * 19)?;
        area.draw(&PathElement::new([(0, y - 15), (i32::try_from(width)?, y - 15)], FRAME))?;
        for (number, (label, _)) in columns.iter().enumerate() {
            let value = || series.points.last().map(|(_, value)| panel.unit.write(*value));
            let told = if label == "Value" { value() } else { series.labels.get(label).cloned() };
            text(area, &told.unwrap_or_default(), (of(number)?, y), 12, TEXT, false)?;
        }
    }
    Ok(())
}

/// Writes a text, whose line stands at the height of the point.
pub(super) fn text(
    area: &Area<'_>,
    told: &str,
    at: (i32, i32),
    size: u32,
    colour: RGBColor,
    is_bold: bool,
) -> Result<()> {
    let style = if is_bold { FontStyle::Bold } else { FontStyle::Normal };
    let style =
        ("sans-serif", size, style).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Bottom));
    area.draw(&Text::new(told.to_owned(), at, style))?;
    Ok(())
}
