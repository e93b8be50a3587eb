//! Draws a frame: a handful of calls, whatever the trace.

use frontend::trace::colors::{Rgb, Shade, background};
use frontend::trace::space::camera::{Camera, View};
use frontend::trace::space::level::Level;
use frontend::trace::space::look::Highlight;
use frontend::trace::space::math::{Vec3, vec3};
use frontend::trace::space::{BOTTOM, TOP};
use web_sys::{OffscreenCanvas, WebGl2RenderingContext as Gl, WebGlVertexArrayObject};

use super::gl::{self, Instances, Program};
use super::shaders;

/// Unit of the texture with places.
const NODE_UNIT: u32 = 0;
/// Unit of the texture with names.
const TEXT_UNIT: u32 = 1;
/// Pieces of a ring.
const RING: i32 = 128;
/// How far rings are from the axis.
const RIM: f64 = 1.05;

/// What a frame shows besides the level.
pub(super) struct Frame<'a> {
    /// Where one looks from.
    pub(super) camera: Camera,
    /// What lands where, in pixels of the screen.
    pub(super) view: View,
    /// Pixels of the screen in one of CSS.
    pub(super) ratio: f64,
    /// The page is dark.
    pub(super) dark: bool,
    /// The time shown, in nanoseconds.
    pub(super) now: f64,
    /// The trace's end, in nanoseconds.
    pub(super) duration: f64,
    /// What times in the level count from.
    pub(super) base: f64,
    /// Nanoseconds that a link takes to arrive.
    pub(super) travel: f64,
    /// Width of a line in space.
    pub(super) width: f64,
    /// The same as a factor of the usual.
    pub(super) factor: f64,
    /// What stands out.
    pub(super) highlight: Highlight,
    /// The goroutine that is chosen, and the one under the pointer.
    pub(super) chosen: [u32; 2],
    /// Goroutines stand side by side.
    pub(super) row: bool,
    /// Times that the axis names, by height.
    pub(super) marks: &'a [f64],
    /// Names are shown.
    pub(super) labels: bool,
}

/// Programs and what they draw.
pub(super) struct Renderer {
    gl: Gl,
    segment: Program,
    link: Program,
    ring: Program,
    label: Program,
    segments: Instances,
    links: Instances,
    labels: Instances,
    nothing: WebGlVertexArrayObject,
    atlas: [f32; 2],
    /// Bytes that were uploaded so far.
    pub(super) uploaded: f64,
    /// Quads of the newest frame.
    pub(super) primitives: f64,
}

impl Renderer {
    /// Makes everything ready on a canvas's context.
    pub(super) fn new(gl: &Gl) -> Result<Self, String> {
        let make = |vertex, fragment| Program::new(gl, &shaders::with_head(vertex), fragment);
        // Both stay bound to their units; nothing else is.
        gl::texture(gl, NODE_UNIT, false)?;
        gl::texture(gl, TEXT_UNIT, true)?;
        Ok(Self {
            segment: make(shaders::SEGMENT, shaders::SEGMENT_COLOR)?,
            link: make(shaders::LINK, shaders::LINK_COLOR)?,
            ring: make(shaders::RING, shaders::PLAIN_COLOR)?,
            label: make(shaders::LABEL, shaders::LABEL_COLOR)?,
            segments: Instances::new(gl, true)?,
            links: Instances::new(gl, true)?,
            labels: Instances::new(gl, false)?,
            nothing: gl.create_vertex_array().ok_or("the graphics card is gone")?,
            atlas: [1.0; 2],
            uploaded: 0.0,
            primitives: 0.0,
            gl: gl.clone(),
        })
    }

    /// Uploads what is drawn from now on.
    pub(super) fn level(&mut self, level: &Level) {
        self.uploaded += gl::fill_pairs(&self.gl, NODE_UNIT, &level.nodes, shaders::NODES);
        self.uploaded += self.segments.fill(&level.segments);
        self.uploaded += self.links.fill(&level.links);
    }

    /// Uploads the picture of all names.
    pub(super) fn atlas(&mut self, canvas: &OffscreenCanvas) {
        self.atlas = [canvas.width() as f32, canvas.height() as f32];
        self.uploaded += gl::fill_canvas(&self.gl, TEXT_UNIT, canvas);
    }

    /// Uploads where names stand: place and size on the screen, place in the picture, strength,
    /// and the time from which on it is shown.
    pub(super) fn labels(&mut self, labels: &[[f32; 8]]) {
        self.uploaded += self.labels.fill_places(labels);
    }

    /// Draws.
    pub(super) fn draw(&mut self, frame: &Frame<'_>) {
        let gl = &self.gl;
        let back = floats(background(frame.dark));
        gl.viewport(0, 0, frame.view.width as i32, frame.view.height as i32);
        gl.clear_color(back[0], back[1], back[2], 1.0);
        gl.clear(Gl::COLOR_BUFFER_BIT | Gl::DEPTH_BUFFER_BIT);
        gl.depth_func(Gl::LEQUAL);
        gl.enable(Gl::DEPTH_TEST);
        gl.depth_mask(true);
        gl.disable(Gl::BLEND);
        self.lines(frame);
        gl.enable(Gl::BLEND);
        gl.depth_mask(false);
        gl.blend_func_separate(Gl::SRC_ALPHA, Gl::ONE_MINUS_SRC_ALPHA, Gl::ONE, Gl::ONE);
        let rings = self.rings(frame);
        self.messages(frame);
        gl.disable(Gl::DEPTH_TEST);
        let mut labels = 0;
        if frame.labels {
            self.label.enter();
            self.common(&self.label, frame);
            self.label.set("u_atlas", &self.atlas);
            self.label.set_unit("u_text", TEXT_UNIT.cast_signed());
            self.labels.draw(Gl::TRIANGLE_STRIP, 4);
            labels = self.labels.count;
        }
        let quads = self.segments.count + 2 * self.links.count + rings + labels;
        self.primitives = f64::from(quads);
    }

    fn common(&self, program: &Program, frame: &Frame<'_>) {
        let slope = (BOTTOM - TOP) / frame.duration.max(1.0);
        let begin = TOP + frame.base * slope;
        // A picture that stands at the end is one in which everything has arrived.
        let rest = if frame.now >= frame.duration { frame.travel * 12.0 } else { 0.0 };
        let (near, far) = (frame.camera.distance - 1.1, frame.camera.distance + 2.4);
        program.set_matrix("u_matrix", &frame.view.matrix.numbers());
        program.set("u_screen", &[frame.view.width as f32, frame.view.height as f32]);
        program.set("u_ratio", &[frame.ratio as f32]);
        program.set_unit("u_nodes", NODE_UNIT.cast_signed());
        program.set("u_height", &[begin as f32, slope as f32]);
        program.set("u_now", &[(frame.now - frame.base + rest) as f32]);
        program.set("u_fog", &[near as f32, (far - near).recip() as f32]);
        program.set("u_back", &floats(background(frame.dark)));
        program.set("u_light", &[1.0; 3]);
        program.set_indexes("u_chosen", frame.chosen);
        program.set("u_width", &[frame.width as f32]);
    }

    fn lines(&self, frame: &Frame<'_>) {
        let program = &self.segment;
        program.enter();
        self.common(program, frame);
        let looks: Vec<f32> = Shade::ALL
            .into_iter()
            .flat_map(|shade| <[f32; 2]>::from(frame.highlight.weight(shade)))
            .collect();
        let colors: Vec<f32> =
            Shade::ALL.into_iter().flat_map(|shade| floats(line_color(shade, frame))).collect();
        program.set_pairs("u_look", &looks);
        program.set_colors("u_colors", &colors);
        let (right, _, _) = frame.camera.axes();
        program.set("u_right", &point(right));
        program.set("u_tip", &[if frame.now < frame.duration { 1.0 } else { 0.0 }]);
        self.segments.draw(Gl::TRIANGLE_STRIP, 4);
    }

    fn messages(&self, frame: &Frame<'_>) {
        let program = &self.link;
        program.enter();
        self.common(program, frame);
        let (created, sent) = frame.highlight.links();
        let rest = (220.0 / f64::from(self.links.count.max(1))).clamp(0.035, 0.38);
        program.set("u_travel", &[frame.travel as f32]);
        program.set("u_links", &[created, sent]);
        program.set("u_rest", &[rest as f32, frame.factor.sqrt() as f32]);
        let colors: Vec<f32> = link_colors(frame.dark).into_iter().flat_map(floats).collect();
        program.set_colors("u_kinds", &colors);
        self.links.draw(Gl::TRIANGLES, 12);
    }

    /// The rings where the trace begins and ends, the one at the time shown, and the axis.
    fn rings(&self, frame: &Frame<'_>) -> i32 {
        let program = &self.ring;
        let gl = &self.gl;
        program.enter();
        self.common(program, frame);
        gl.bind_vertex_array(Some(&self.nothing));
        let ink = if frame.dark { [0.62, 0.70, 0.80] } else { [0.28, 0.34, 0.42] };
        let accent = if frame.dark { [0.39, 0.72, 0.92] } else { [0.0, 0.40, 0.64] };
        let mut drawn = 0;
        let mut put =
            |from: Vec3, to: Vec3, pieces: i32, line: f32, [r, g, b]: [f32; 3], a: f32| {
                program.set("u_from", &point(from));
                program.set("u_to", &point(to));
                program.set("u_pieces", &[pieces as f32]);
                program.set("u_line", &[line]);
                program.set("u_color", &[r, g, b, a]);
                gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, pieces);
                drawn += pieces;
            };
        let part = (frame.now / frame.duration.max(1.0)).clamp(0.0, 1.0);
        let now = TOP + (BOTTOM - TOP) * part;
        let begins = [(TOP, 1.0, ink, 0.30), (BOTTOM, 1.0, ink, 0.16), (now, 1.7, accent, 0.75)];
        let count = if part < 1.0 { 3 } else { 2 };
        for (y, line, color, alpha) in begins.into_iter().take(count) {
            match frame.row {
                true => put(vec3(-RIM, y, 0.0), vec3(RIM, y, 0.0), 1, line, color, alpha),
                false => put(vec3(0.0, y, 0.0), vec3(RIM, y, 0.0), RING, line, color, alpha),
            }
        }
        let (foot, side) = axis(frame.camera, frame.row);
        let at = |y: f64, out: f64| foot + side * out + vec3(0.0, y, 0.0);
        put(at(TOP, 0.0), at(BOTTOM, 0.0), 1, 1.0, ink, 0.45);
        for y in frame.marks {
            put(at(*y, 0.0), at(*y, 0.03), 1, 1.0, ink, 0.6);
        }
        drawn
    }
}

/// Where the axis of time stands on the floor, and which way its numbers are.
pub(super) fn axis(camera: Camera, row: bool) -> (Vec3, Vec3) {
    let (right, _, _) = camera.axes();
    match row {
        true if right.x < 0.0 => (vec3(RIM + 0.05, 0.0, 0.0), vec3(1.0, 0.0, 0.0)),
        true => (vec3(-RIM - 0.05, 0.0, 0.0), vec3(-1.0, 0.0, 0.0)),
        false => (right * -(RIM + 0.05), right * -1.0),
    }
}

/// A shade's color for a line, which is thinner than a row: waiting is stronger than its color
/// as a background, and so is what stands out.
fn line_color(shade: Shade, frame: &Frame<'_>) -> Rgb {
    let color = shade.rgb(frame.dark);
    if !shade.waits() {
        return color;
    }
    let pale = matches!(shade, Shade::Sleep | Shade::Other);
    let stronger = match (frame.highlight, frame.dark) {
        (Highlight::All, false) if pale => 0.74,
        (Highlight::All, false) => 0.80,
        (Highlight::All, true) if pale => 1.9,
        (Highlight::All, true) => 1.35,
        (_, false) => 0.66,
        (_, true) if pale => 2.7,
        (_, true) => 1.8,
    };
    color.map(|part| (f64::from(part) * stronger).min(255.0) as u8)
}

/// Colors of links: values, closed channels, locks, other wake-ups, and creations.
fn link_colors(dark: bool) -> [Rgb; 5] {
    match dark {
        true => [
            [0xff, 0x9d, 0xc8],
            [0xff, 0x7a, 0x3d],
            [0xd8, 0xc2, 0x6a],
            [0x8f, 0x9d, 0xad],
            [0x9f, 0xb2, 0xc6],
        ],
        false => [
            [0xb8, 0x3c, 0x82],
            [0xd5, 0x5e, 0x00],
            [0x8a, 0x6d, 0x0c],
            [0x7a, 0x86, 0x94],
            [0x64, 0x74, 0x86],
        ],
    }
}

fn floats(color: Rgb) -> [f32; 3] {
    color.map(|part| f32::from(part) / 255.0)
}

fn point(point: Vec3) -> [f32; 3] {
    [point.x as f32, point.y as f32, point.z as f32]
}
