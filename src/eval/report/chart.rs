//! Line charts as SVG, for a page whose style sheet themes them.

use std::ops::Range;

use plotters::chart::ChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::escape;
use crate::{Error, Result};

/// The chart's size in its own units; the page scales it.
const SIZE: (u32, u32) = (640, 360);

/// The width of the labels at the lines' ends.
const LABELS: u32 = 176;

/// The least distance between two labels.
const LABEL_HEIGHT: f64 = 19.0;

/// In plotters' units, which come out 1.24 times smaller.
const FONT_SIZE: u32 = 18;

/// The colours that the style sheet replaces, by their values, with those of a light or a
/// dark page.
const TEXT: RGBColor = RGBColor(0x37, 0x41, 0x51);
const GRID: RGBColor = RGBColor(0xE5, 0xE7, 0xEB);
const AXIS: RGBColor = RGBColor(0x80, 0x88, 0x95);

/// The lines' colours, which are also in the style sheet.
pub const COLOURS: [RGBColor; 9] = [
    RGBColor(0x1D, 0x5F, 0xD1),
    RGBColor(0x0E, 0x74, 0x90),
    RGBColor(0x4A, 0x6F, 0xB5),
    RGBColor(0xC2, 0x41, 0x0C),
    RGBColor(0x15, 0x80, 0x3D),
    RGBColor(0x8A, 0x5A, 0x00),
    RGBColor(0x7C, 0x3A, 0xED),
    RGBColor(0x6B, 0x72, 0x80),
    RGBColor(0xBE, 0x18, 0x5D),
];

/// A chart's horizontal axis.
pub enum Axis {
    /// A name at each whole number from 0 on.
    Names(Vec<String>),
    /// Numbers with a fixed number of decimals.
    Numbers {
        /// From where to where.
        range: Range<f64>,
        /// Digits after the point.
        decimals: usize,
    },
}

/// One line.
pub struct Line {
    /// The text at its end.
    pub label: String,
    /// Its place in [`COLOURS`].
    pub colour: usize,
    /// Whether it is drawn heavily, with its points.
    pub strong: bool,
    /// x, y, and how far the band around it reaches on either side.
    pub points: Vec<(f64, f64, f64)>,
}

/// A chart of lines, each with its label at its end.
pub struct Chart {
    /// The horizontal axis.
    pub x: Axis,
    /// The name of its quantity.
    pub x_label: String,
    /// The range of the vertical axis; the chart is cut off beyond it.
    pub y: Range<f64>,
    /// Digits after the point on the vertical axis.
    pub decimals: usize,
    /// Lines, the most important first.
    pub lines: Vec<Line>,
    /// Thin straight lines to compare with, from point to point.
    pub guides: Vec<[(f64, f64); 2]>,
}

impl Chart {
    /// The chart as an SVG element and a list of its lines.
    ///
    /// # Errors
    /// [`Error::Argument`] if it cannot be drawn: a range that is not one.
    pub fn svg(&self) -> Result<String> {
        let x = match &self.x {
            Axis::Names(names) => -0.25..names.len() as f64 - 0.75,
            Axis::Numbers { range, .. } => range.clone(),
        };
        for range in [&x, &self.y] {
            if !(range.start < range.end && range.end - range.start < f64::INFINITY) {
                let problem = format!("{range:?} is no range that could be drawn");
                return Err(Error::argument("chart", problem));
            }
        }
        let mut svg = String::new();
        self.draw(&mut svg, x).map_err(|error| Error::argument("chart", error))?;
        Ok(format!("<div class=\"chart\">\n{svg}</div>\n{}", self.legend()))
    }

    /// The lines' labels as a list, which the page shows where the chart is too narrow for the
    /// labels at the lines' ends.
    fn legend(&self) -> String {
        let line =
            |line: &Line| format!("<li class=\"c{}\">{}</li>\n", line.colour, escape(&line.label));
        let lines: String = self.lines.iter().map(line).collect();
        if lines.is_empty() { lines } else { format!("<ul class=\"legend\">\n{lines}</ul>\n") }
    }

    fn draw(&self, svg: &mut String, x: Range<f64>) -> Result<(), String> {
        let failed = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .margin_right(LABELS)
            .x_label_area_size(46)
            .y_label_area_size(52)
            .build_cartesian_2d(x, self.y.clone())
            .map_err(failed)?;
        let font = ("sans-serif", FONT_SIZE).into_font().color(&TEXT);
        let x_text = |x: &f64| match &self.x {
            Axis::Names(names) => {
                let whole = (x - x.round()).abs() < 1e-6 && x.round() >= 0.0;
                let name = if whole { names.get(x.round() as usize) } else { None };
                name.cloned().unwrap_or_default()
            }
            Axis::Numbers { decimals, .. } => format!("{x:.decimals$}"),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(font.clone())
            .axis_desc_style(font.clone())
            .x_desc(&self.x_label)
            .x_labels(match &self.x {
                Axis::Names(names) => names.len() + 1,
                Axis::Numbers { .. } => 10,
            })
            .x_label_formatter(&x_text)
            .y_labels(8)
            .y_label_formatter(&|y: &f64| format!("{y:.*}", self.decimals))
            .draw()
            .map_err(failed)?;
        for guide in &self.guides {
            chart.draw_series(LineSeries::new(*guide, AXIS.stroke_width(1))).map_err(failed)?;
        }
        // The most important last, above the others.
        for line in self.lines.iter().rev() {
            self.draw_line(&mut chart, line).map_err(failed)?;
        }
        for (line, height) in self.lines.iter().zip(self.label_heights(&chart)) {
            let Some(height) = height else { continue };
            let place = ((SIZE.0 - LABELS + 8) as i32, height as i32);
            let style = ("sans-serif", FONT_SIZE)
                .into_font()
                .color(&COLOURS[line.colour])
                .pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(line.label.as_str(), place, style)).map_err(failed)?;
        }
        root.present().map_err(failed)
    }

    fn draw_line<B: DrawingBackend>(
        &self,
        chart: &mut ChartContext<B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
        line: &Line,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let colour = COLOURS[line.colour];
        let Range { start: low, end: high } = self.y;
        let seen = |y: f64| (low..=high).contains(&y);
        // Beyond the frame there is no line that a band could go with.
        for points in line.points.split(|(_, y, _)| !seen(*y)) {
            let edge = |sign: f64| {
                points.iter().map(move |(x, y, band)| (*x, (y + sign * band).clamp(low, high)))
            };
            if points.iter().any(|(_, _, band)| *band > 0.0) {
                let band: Vec<(f64, f64)> = edge(1.0).chain(edge(-1.0).rev()).collect();
                chart.draw_series([Polygon::new(band, colour.mix(0.16))])?;
            }
        }
        let width = if line.strong { 3 } else { 2 };
        for pair in line.points.windows(2) {
            if let Some(piece) = cut(pair[0], pair[1], &self.y) {
                chart.draw_series(LineSeries::new(piece, colour.stroke_width(width)))?;
            }
        }
        let seen = line.points.iter().filter(|(_, y, _)| seen(*y));
        let size = if line.strong { 4 } else { 2 };
        chart.draw_series(seen.map(|(x, y, _)| Circle::new((*x, *y), size, colour.filled())))?;
        Ok(())
    }

    /// The height of each line's label: that of the line's last point, moved if labels would
    /// overlap. `None` for a line that is not visible.
    fn label_heights<B: DrawingBackend>(
        &self,
        chart: &ChartContext<B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    ) -> Vec<Option<f64>> {
        let ends = self.lines.iter().map(|line| {
            let seen = line.points.iter().any(|(_, y, _)| self.y.contains(y));
            let (x, y, _) = *line.points.last().filter(|_| seen)?;
            let y = y.clamp(self.y.start, self.y.end);
            Some(f64::from(chart.backend_coord(&(x, y)).1))
        });
        let mut heights: Vec<Option<f64>> = ends.collect();
        let mut order: Vec<usize> = (0..heights.len()).filter(|&i| heights[i].is_some()).collect();
        let height = |heights: &[Option<f64>], i: usize| heights[i].unwrap_or(0.0);
        order.sort_by(|&a, &b| height(&heights, a).total_cmp(&height(&heights, b)));
        let sorted: Vec<f64> = order.iter().map(|&i| height(&heights, i)).collect();
        for (index, place) in order.into_iter().zip(apart(&sorted, LABEL_HEIGHT)) {
            heights[index] = Some(place);
        }
        heights
    }
}

/// The part of a straight line that lies within the range of heights.
fn cut(
    (x0, y0, _): (f64, f64, f64),
    (x1, y1, _): (f64, f64, f64),
    y: &Range<f64>,
) -> Option<[(f64, f64); 2]> {
    // How far along the line each edge of the range is.
    let (low, high) = if y0 == y1 {
        if y.contains(&y0) { (0.0, 1.0) } else { return None }
    } else {
        let (a, b) = ((y.start - y0) / (y1 - y0), (y.end - y0) / (y1 - y0));
        (a.min(b).max(0.0), a.max(b).min(1.0))
    };
    let at = |share: f64| (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
    (low < high).then(|| [at(low), at(high)])
}

/// Places at least `gap` apart, each as near to its own as possible: places that would touch
/// are spread around their middle.
fn apart(sorted: &[f64], gap: f64) -> Vec<f64> {
    // Groups of labels side by side: the sum of where they would begin, and
    // how many.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    let begin = |(sum, count): (f64, usize)| sum / count as f64;
    for &place in sorted {
        let mut group = (place, 1);
        while let Some(&above) = groups.last() {
            if begin(above) + gap * above.1 as f64 <= begin(group) {
                break;
            }
            // Each of the lower group's wants the begin to be higher by those above.
            group = (above.0 + group.0 - gap * (above.1 * group.1) as f64, above.1 + group.1);
            groups.pop();
        }
        groups.push(group);
    }
    let places = |group: (f64, usize)| (0..group.1).map(move |i| begin(group) + gap * i as f64);
    groups.into_iter().flat_map(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours, as WCAG 2 defines it.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |colour: [u8; 3]| {
            let [red, green, blue] = colour.map(|part| match f64::from(part) / 255.0 {
                dark if dark <= 0.04045 => dark / 12.92,
                light => ((light + 0.055) / 1.055).powf(2.4),
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn colour(hex: &str) -> [u8; 3] {
        [0, 2, 4].map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
    }

    #[test]
    fn colours_can_be_told_from_both_pages() {
        let css = include_str!("style.css");
        let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
        let variable = |theme: &str, name: &str| {
            let (_, rest) = theme.split_once(&format!("{name}: #")).unwrap();
            colour(&rest[..6])
        };
        for theme in [light, dark] {
            for page in ["--page", "--panel"] {
                for text in ["--text", "--quiet", "--better", "--worse"] {
                    let found = contrast(variable(theme, page), variable(theme, text));
                    assert!(found >= 4.5, "{text} on {page}: {found}");
                }
            }
        }
        let (light_panel, dark_panel) = (variable(light, "--panel"), variable(dark, "--panel"));
        // Labels are text, and have their lines' colours; axes are lines.
        let lines = COLOURS.iter().map(|found| (*found, 4.5));
        for (RGBColor(red, green, blue), least) in lines.chain([(TEXT, 4.5), (AXIS, 3.0)]) {
            let found = contrast([red, green, blue], light_panel);
            assert!(found >= least, "{red:02x}{green:02x}{blue:02x}: {found}");
            let name = format!("=\"#{red:02X}{green:02X}{blue:02X}\"]");
            let name = if dark.contains(&name) { name } else { name.to_lowercase() };
            let (_, rest) = dark.split_once(&name).unwrap();
            let (_, rest) = rest.split_once('#').unwrap();
            let found = contrast(colour(&rest[..6]), dark_panel);
            assert!(found >= least, "{name} in the dark: {found}");
        }
    }

    #[test]
    fn labels_move_apart_around_their_middle() {
        assert_eq!(apart(&[0.0, 100.0], 10.0), [0.0, 100.0]);
        assert_eq!(apart(&[50.0, 50.0, 50.0], 10.0), [40.0, 50.0, 60.0]);
        assert_eq!(apart(&[0.0, 50.0, 54.0], 10.0), [0.0, 47.0, 57.0]);
        assert_eq!(
            apart(&[40.0, 50.0, 50.0], 10.0),
            [50.0 - 10.0 - 10.0 / 3.0, 50.0 - 10.0 / 3.0, 50.0 + 10.0 - 10.0 / 3.0]
        );
    }

    #[test]
    fn lines_are_cut_at_the_frame() {
        let cut = |y0, y1| cut((0.0, y0, 0.0), (1.0, y1, 0.0), &(0.0..1.0));
        assert_eq!(cut(0.25, 0.5), Some([(0.0, 0.25), (1.0, 0.5)]));
        assert_eq!(cut(0.5, 1.5), Some([(0.0, 0.5), (0.5, 1.0)]));
        assert_eq!(cut(2.0, 0.0), Some([(0.5, 1.0), (1.0, 0.0)]));
        assert_eq!(cut(2.0, 3.0), None);
        assert_eq!(cut(2.0, 2.0), None);
    }

    #[test]
    fn ranges_that_cannot_be_drawn_are_refused() {
        for y in [0.0..0.0, 0.0..f64::NAN, f64::NEG_INFINITY..0.0] {
            let chart = Chart {
                x: Axis::Names(vec!["0".into(), "1".into()]),
                x_label: String::new(),
                y,
                decimals: 1,
                lines: Vec::new(),
                guides: Vec::new(),
            };
            assert!(chart.svg().is_err());
        }
    }
}
