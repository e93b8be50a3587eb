//! Camera, time and looks as part of an address.

use crate::trace::address::Address;

use super::camera::Camera;
use super::look::Highlight;
use super::math::vec3;
use super::place::Layout;

/// What a link restores; what it does not name is as usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Link {
    /// Where one looks from; none for where everything fits.
    pub camera: Option<Camera>,
    /// The time shown, in nanoseconds; none for the end.
    pub now: Option<f64>,
    /// What stands out.
    pub highlight: Highlight,
    /// How goroutines stand.
    pub layout: Layout,
}

impl Link {
    /// Names of what it writes.
    pub const NAMES: [&str; 4] = ["eye", "now", "bright", "stand"];

    /// Reads what an address says of space.
    pub fn read(address: &Address) -> Self {
        let camera = address.value("eye").and_then(camera);
        let now = address.value("now").and_then(|now| now.parse().ok());
        let highlight = address.value("bright").and_then(Highlight::named).unwrap_or_default();
        let layout = match address.value("stand") {
            Some("row") => Layout::Row,
            _ => Layout::Circles,
        };
        let now = now.filter(|now: &f64| now.is_finite() && *now >= 0.0);
        Self { camera, now, highlight, layout }
    }

    /// Writes it into an address, besides what others wrote there.
    pub fn write(&self, address: &mut Address) {
        let eye = self.camera.map(|camera| {
            let Camera { target, yaw, pitch, distance } = camera;
            // Four digits of the distance are as fine as a pixel.
            let digits = (4.0 - distance.log10()).clamp(3.0, 9.0) as usize;
            format!(
                "{yaw:.4},{pitch:.4},{distance:.digits$},{:.digits$},{:.digits$},{:.digits$}",
                target.x, target.y, target.z
            )
        });
        address.set("eye", &eye.unwrap_or_default());
        address.set("now", &self.now.map(|now| format!("{now:.0}")).unwrap_or_default());
        let bright = if self.highlight == Highlight::All { "" } else { self.highlight.name() };
        address.set("bright", bright);
        address.set("stand", if self.layout == Layout::Row { "row" } else { "" });
    }
}

fn camera(text: &str) -> Option<Camera> {
    let mut numbers = text.split(',').map(|number| number.parse::<f64>().ok());
    let mut next = || numbers.next().flatten().filter(|number| number.abs() <= 100.0);
    let (yaw, pitch, distance) = (next()?, next()?, next()?);
    let target = vec3(next()?, next()?, next()?);
    let camera = Camera { target, yaw, pitch: pitch.clamp(-1.55, 1.55), distance };
    (distance > 1e-6).then_some(camera)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_restores_what_it_was_made_of_and_leaves_the_rest() {
        let camera =
            Camera { target: vec3(0.25, -0.5, 0.125), yaw: 1.5, pitch: 0.25, distance: 2.0 };
        let link = Link {
            camera: Some(camera),
            now: Some(123_456.0),
            highlight: Highlight::Sends,
            layout: Layout::Row,
        };
        let mut address = Address::read("#view=space");
        link.write(&mut address);
        assert_eq!(
            address.write(),
            "#view=space&eye=1.5000,0.2500,2.000,0.250,-0.500,0.125&now=123456&bright=sends&stand=row"
        );
        assert_eq!(Link::read(&address), link);
        Link::default().write(&mut address);
        assert_eq!(address.write(), "#view=space");
    }

    #[test]
    fn far_and_near_cameras_are_kept_to_a_pixel() {
        for distance in [0.000_05, 0.01, 30.0] {
            let camera = Camera { distance, ..Camera::default() };
            let mut address = Address::default();
            Link { camera: Some(camera), ..Link::default() }.write(&mut address);
            let read = Link::read(&address).camera.unwrap();
            assert!((read.distance / distance - 1.0).abs() < 1e-3, "{read:?}");
        }
    }

    #[test]
    fn nonsense_is_as_usual() {
        for hash in
            ["eye=1,2,3", "eye=0,0,NaN,0,0,0", "eye=0,0,-1,0,0,0", "now=-3&bright=blue", "eye=,"]
        {
            assert_eq!(Link::read(&Address::read(hash)), Link::default(), "{hash}");
        }
    }
}
