//! A chart of completion times, as an SVG that needs nothing else.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;
/// Told apart by people who do not see all colours, and on light and dark ground (Okabe and Ito 2008).
const COLOURS: [&str; 5] = ["#d55e00", "#cc79a7", "#0072b2", "#e69f00", "#009e73"];

/// One line of the chart.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Recipients, and time over the bound; both above zero, fewest recipients first.
    pub points: Vec<(f64, f64)>,
}

/// The chart, both axes logarithmic. Empty series are left out.
pub fn chart(title: &str, series: &[Series]) -> String {
    let series: Vec<&Series> = series.iter().filter(|one| !one.points.is_empty()).collect();
    let all = || series.iter().flat_map(|one| one.points.iter());
    let (few, many) = range(all().map(|point| point.0));
    let highest = all().map(|point| point.1).fold(2.0, f64::max) * 1.15;
    let x = |n: f64| LEFT + (n / few).ln() / (many / few).ln() * (WIDTH - LEFT - RIGHT);
    let y = |ratio: f64| HEIGHT - BOTTOM - ratio.ln() / highest.ln() * (HEIGHT - TOP - BOTTOM);
    let mut svg = head(title);
    for ratio in [1.0, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
        if ratio < highest {
            line(&mut svg, (LEFT, y(ratio)), (WIDTH - RIGHT, y(ratio)), ratio == 1.0);
            text(&mut svg, LEFT - 8.0, y(ratio) + 4.0, "end", "#555", &format!("{ratio}"));
        }
    }
    let mut counts: Vec<f64> = all().map(|point| point.0).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    for count in counts {
        text(&mut svg, x(count), HEIGHT - BOTTOM + 20.0, "middle", "#555", &format!("{count}"));
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    text(&mut svg, middle, HEIGHT - 12.0, "middle", "#555", "recipients");
    let mut labels: Vec<(f64, &str, &str)> = Vec::new();
    for (one, colour) in series.iter().zip(COLOURS) {
        let points: Vec<String> =
            one.points.iter().map(|(n, r)| format!("{:.1},{:.1}", x(*n), y(*r))).collect();
        let points = points.join(" ");
        let _ = writeln!(
            svg,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>"#
        );
        for (n, ratio) in &one.points {
            let (x, y) = (x(*n), y(*ratio));
            let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#);
        }
        if let Some((_, ratio)) = one.points.last() {
            labels.push((y(*ratio), &one.name, colour));
        }
    }
    put_labels(&mut svg, labels);
    svg.push_str("</svg>\n");
    svg
}

/// Names at the lines' ends, moved apart where they would lie on each other.
fn put_labels(svg: &mut String, mut labels: Vec<(f64, &str, &str)>) {
    labels.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut free = HEIGHT;
    for (y, name, colour) in labels {
        let at = y.min(free - 16.0);
        free = at;
        text(svg, WIDTH - RIGHT + 10.0, at + 4.0, "start", colour, name);
    }
}

fn head(title: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
        font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n<title>{}</title>\n\
        <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escape(title)
    );
    text(&mut svg, LEFT, 26.0, "start", "#111", title);
    svg
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    if low < high { (low, high) } else { (high.max(1.0) / 2.0, high.max(1.0) * 2.0) }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), strong: bool) {
    let colour = if strong { "#111" } else { "#ddd" };
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        svg,
        r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}"/>"#
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, colour: &str, words: &str) {
    let words = escape(words);
    let _ = writeln!(
        svg,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="{colour}">{words}</text>"#
    );
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_line_and_a_name_for_each_series() {
        let one = |name: &str, last| Series {
            name: name.to_owned(),
            points: vec![(8.0, 1.1), (512.0, last)],
        };
        let svg = chart("A < B", &[one("swarm", 1.2), one("direct", 500.0)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("A &lt; B") && svg.contains(">direct</text>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn one_point_is_drawn_as_well() {
        let series = Series { name: "swarm".to_owned(), points: vec![(8.0, 1.0)] };
        assert!(!chart("x", &[series]).contains("NaN"));
    }
}
