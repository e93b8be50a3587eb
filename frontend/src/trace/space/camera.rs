//! Where one looks from.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::math::{Mat4, Vec3, vec3};
use super::{BOTTOM, TOP};

/// Tangent of half the angle that is seen from top to bottom: 40 degrees in all.
pub const TAN: f64 = 0.363_970;

/// Nearest and farthest distance from what is looked at.
const DISTANCES: (f64, f64) = (2e-5, 40.0);

/// How far up or down one can look: not quite upright, where left and right would swap.
const STEEPEST: f64 = FRAC_PI_2 - 0.02;

/// A camera that looks at a point from a distance, never tilted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// What it looks at.
    pub target: Vec3,
    /// Angle around the vertical axis; 0 looks from the front.
    pub yaw: f64,
    /// Angle above the horizon.
    pub pitch: f64,
    /// How far the eye is from the target.
    pub distance: f64,
}

impl Default for Camera {
    fn default() -> Self {
        Self { target: Vec3::default(), yaw: 0.5, pitch: 0.42, distance: 3.6 }
    }
}

impl Camera {
    /// Steps back until everything fits on a screen of this shape.
    pub fn fit(&mut self, aspect: f64) {
        self.target = vec3(0.0, (TOP + BOTTOM) / 2.0, 0.0);
        self.distance = 1.2;
        for _ in 0..100 {
            let view = self.view(aspect, 1.0);
            // The rims of the upright cylinder around the trace.
            let inside = (0..16).all(|turn| {
                let (z, x) = (f64::from(turn) * TAU / 16.0).sin_cos();
                [TOP, BOTTOM].into_iter().all(|y| {
                    view.spot(vec3(x, y, z)).is_some_and(|spot| {
                        let (x, y) = (spot.x / view.width, spot.y / view.height);
                        (0.04..0.96).contains(&x) && (0.05..0.95).contains(&y)
                    })
                })
            });
            if inside {
                break;
            }
            self.distance *= 1.04;
        }
    }

    /// Turns around the target, by pixels of a screen this high.
    pub fn orbit(&mut self, dx: f64, dy: f64, height: f64) {
        let turn = PI / height.max(1.0);
        self.yaw = (self.yaw - dx * turn).rem_euclid(TAU);
        self.pitch = (self.pitch + dy * turn).clamp(-STEEPEST, STEEPEST);
    }

    /// Moves so that what is at the target follows the pointer.
    pub fn pan(&mut self, dx: f64, dy: f64, height: f64) {
        let pixel = 2.0 * TAN * self.distance / height.max(1.0);
        let (right, up, _) = self.axes();
        let target = self.target - right * (dx * pixel) + up * (dy * pixel);
        self.target =
            vec3(target.x.clamp(-3.0, 3.0), target.y.clamp(-3.0, 3.0), target.z.clamp(-3.0, 3.0));
    }

    /// Comes nearer by a factor below 1, so that what is at `x`, `y` stays there.
    pub fn zoom(&mut self, factor: f64, x: f64, y: f64, width: f64, height: f64) {
        let before = self.distance;
        self.distance = (before * factor).clamp(DISTANCES.0, DISTANCES.1);
        let (dx, dy) = (x - width / 2.0, y - height / 2.0);
        let pixel = 2.0 * TAN * (before - self.distance) / height.max(1.0);
        let (right, up, _) = self.axes();
        self.target = self.target + right * (dx * pixel) - up * (dy * pixel);
    }

    /// Where the eye is.
    pub fn eye(&self) -> Vec3 {
        let (_, _, forward) = self.axes();
        self.target - forward * self.distance
    }

    /// To the right, upwards and forward, on the screen.
    pub fn axes(&self) -> (Vec3, Vec3, Vec3) {
        let (sin, cos) = self.yaw.sin_cos();
        let (rise, flat) = self.pitch.sin_cos();
        let forward = vec3(-flat * sin, -rise, -flat * cos);
        let right = vec3(cos, 0.0, -sin);
        (right, right.cross(forward), forward)
    }

    /// What is seen on a screen of this size.
    pub fn view(&self, width: f64, height: f64) -> View {
        let (width, height) = (width.max(0.01), height.max(0.01));
        let (right, up, forward) = self.axes();
        let eye = self.eye();
        // Everything is within 4 of the axis.
        let near = (self.distance * 0.02).max(1e-6);
        let far = eye.length() + 4.0;
        let lens = Mat4::perspective(TAN, width / height, near, far.max(near * 2.0));
        let matrix = lens.after(&Mat4::view(eye, right, up, forward));
        View { matrix, width, height }
    }
}

/// A point of space on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
    /// How far the point is from the eye, along its direction.
    pub depth: f64,
}

/// How space lands on a screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// From space to what WebGL clips.
    pub matrix: Mat4,
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
}

impl View {
    /// Where a point is on the screen, if it is not behind the eye.
    pub fn spot(&self, point: Vec3) -> Option<Spot> {
        self.divided(self.matrix.point(point))
    }

    fn divided(&self, [x, y, _, w]: [f64; 4]) -> Option<Spot> {
        (w > 1e-9).then(|| Spot {
            x: (x / w + 1.0) * 0.5 * self.width,
            y: (1.0 - y / w) * 0.5 * self.height,
            depth: w,
        })
    }

    /// Pixels that a length of 1 has on the screen, at a distance from the eye.
    pub fn scale(&self, depth: f64) -> f64 {
        self.height / (2.0 * TAN * depth.max(1e-9))
    }

    /// The part of the straight line from `a` to `b` that is on the screen, or off it by no more
    /// than `margin` of its size: from which share of the way to which.
    pub fn clip(&self, a: Vec3, b: Vec3, margin: f64) -> Option<(f64, f64)> {
        let (a, b) = (self.matrix.point(a), self.matrix.point(b));
        let wide = 1.0 + margin;
        // Inside of a plane is where its expression is positive.
        let planes = |[x, y, z, w]: [f64; 4]| {
            [wide * w + x, wide * w - x, wide * w + y, wide * w - y, w + z]
        };
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (at_a, at_b) in planes(a).into_iter().zip(planes(b)) {
            if at_a < 0.0 && at_b < 0.0 {
                return None;
            }
            let crossing = at_a / (at_a - at_b);
            if at_a < 0.0 {
                from = from.max(crossing);
            } else if at_b < 0.0 {
                to = to.min(crossing);
            }
        }
        (from < to).then_some((from, to))
    }

    /// How far the point is from the eye, along its direction; negative behind it.
    pub fn depth(&self, point: Vec3) -> f64 {
        self.matrix.point(point)[3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (f64, f64) = (900.0, 600.0);

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn the_target_is_in_the_middle_at_its_distance() {
        let camera = Camera { target: vec3(0.3, -0.2, 0.1), ..Camera::default() };
        let spot = camera.view(SIZE.0, SIZE.1).spot(camera.target).unwrap();
        assert!(near(spot.x, 450.0) && near(spot.y, 300.0) && near(spot.depth, camera.distance));
    }

    #[test]
    fn up_is_up_and_right_is_right() {
        let camera = Camera { yaw: 0.0, pitch: 0.0, ..Camera::default() };
        let view = camera.view(SIZE.0, SIZE.1);
        let (up, right) = (view.spot(vec3(0.0, 0.5, 0.0)), view.spot(vec3(0.5, 0.0, 0.0)));
        assert!(up.unwrap().y < 300.0 && right.unwrap().x > 450.0);
    }

    #[test]
    fn what_fits_is_on_the_screen_from_all_sides() {
        for aspect in [0.5, 1.0, 2.0] {
            for step in 0..24 {
                let yaw = f64::from(step) * 0.3;
                let mut camera = Camera { yaw, pitch: yaw / 5.0 - 0.7, ..Camera::default() };
                camera.fit(aspect);
                let view = camera.view(600.0 * aspect, 600.0);
                for turn in 0..32 {
                    let (z, x) = (f64::from(turn) * TAU / 32.0).sin_cos();
                    for y in [TOP, BOTTOM] {
                        let spot = view.spot(vec3(x, y, z)).unwrap();
                        assert!((0.0..=view.width).contains(&spot.x), "{camera:?} {spot:?}");
                        assert!((0.0..=view.height).contains(&spot.y), "{camera:?} {spot:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn panning_moves_the_target_with_the_pointer() {
        let mut camera = Camera::default();
        let before = camera.target;
        camera.pan(40.0, -25.0, SIZE.1);
        let spot = camera.view(SIZE.0, SIZE.1).spot(before).unwrap();
        assert!(near(spot.x, 490.0) && near(spot.y, 275.0), "{spot:?}");
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer() {
        let mut camera = Camera::default();
        let (right, up, _) = camera.axes();
        let point = camera.target + right * 0.3 + up * 0.2;
        let before = camera.view(SIZE.0, SIZE.1).spot(point).unwrap();
        camera.zoom(0.25, before.x, before.y, SIZE.0, SIZE.1);
        let after = camera.view(SIZE.0, SIZE.1).spot(point).unwrap();
        assert!(near(after.x, before.x) && near(after.y, before.y), "{before:?} {after:?}");
        assert!(near(camera.distance, 0.9));
    }

    #[test]
    fn a_line_is_clipped_at_the_edges_of_the_screen() {
        let camera = Camera { yaw: 0.0, pitch: 0.0, distance: 1.0, ..Camera::default() };
        let view = camera.view(600.0, 600.0);
        let (from, to) = view.clip(vec3(0.0, 1.0, 0.0), vec3(0.0, -1.0, 0.0), 0.0).unwrap();
        assert!(near(from, (1.0 - TAN) / 2.0) && near(to, (1.0 + TAN) / 2.0), "{from} {to}");
        assert_eq!(view.clip(vec3(2.0, 1.0, 0.0), vec3(2.0, -1.0, 0.0), 0.0), None);
        assert_eq!(view.clip(vec3(0.0, 0.1, 5.0), vec3(0.0, -0.1, 5.0), 0.0), None);
        let whole = view.clip(vec3(0.1, 0.1, 0.0), vec3(0.1, -0.1, 0.0), 0.0).unwrap();
        assert_eq!(whole, (0.0, 1.0));
    }
}
