//! As much linear algebra as a camera needs.

use std::ops::{Add, Mul, Sub};

/// A point or a direction; `y` is upwards.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Vec3 {
    /// To the right, seen from the front.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Towards the one who looks from the front.
    pub z: f64,
}

/// Makes a [`Vec3`].
pub const fn vec3(x: f64, y: f64, z: f64) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    /// The inner product.
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// The outer product.
    pub fn cross(self, other: Self) -> Self {
        vec3(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )
    }

    /// Its length.
    pub fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The direction, of length 1; zero stays zero.
    pub fn normal(self) -> Self {
        let length = self.length();
        if length > 0.0 { self * length.recip() } else { self }
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        vec3(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        vec3(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Mul<f64> for Vec3 {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        vec3(self.x * by, self.y * by, self.z * by)
    }
}

/// A matrix of four columns, as WebGL has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mat4(pub [[f64; 4]; 4]);

impl Mat4 {
    /// A perspective: `tan` is the tangent of half the angle from top to bottom.
    pub fn perspective(tan: f64, aspect: f64, near: f64, far: f64) -> Self {
        let depth = (near - far).recip();
        Self([
            [(tan * aspect).recip(), 0.0, 0.0, 0.0],
            [0.0, tan.recip(), 0.0, 0.0],
            [0.0, 0.0, (far + near) * depth, -1.0],
            [0.0, 0.0, 2.0 * far * near * depth, 0.0],
        ])
    }

    /// Moves the world so that the eye, at `eye` with these directions, is at its origin.
    pub fn view(eye: Vec3, right: Vec3, up: Vec3, forward: Vec3) -> Self {
        Self([
            [right.x, up.x, -forward.x, 0.0],
            [right.y, up.y, -forward.y, 0.0],
            [right.z, up.z, -forward.z, 0.0],
            [-right.dot(eye), -up.dot(eye), forward.dot(eye), 1.0],
        ])
    }

    /// First `inner`, then this one.
    pub fn after(&self, inner: &Self) -> Self {
        Self(inner.0.map(|column| self.apply(column)))
    }

    /// A point of space, as coordinates that are yet to be divided by the last.
    pub fn point(&self, point: Vec3) -> [f64; 4] {
        self.apply([point.x, point.y, point.z, 1.0])
    }

    fn apply(&self, vector: [f64; 4]) -> [f64; 4] {
        let mut sum = [0.0; 4];
        for (column, factor) in self.0.iter().zip(vector) {
            for (sum, value) in sum.iter_mut().zip(column) {
                *sum += value * factor;
            }
        }
        sum
    }

    /// The numbers as WebGL takes them.
    pub fn numbers(&self) -> Vec<f32> {
        self.0.as_flattened().iter().map(|number| *number as f32).collect()
    }
}
