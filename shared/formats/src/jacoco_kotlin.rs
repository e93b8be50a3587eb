//! Methods that Kotlin's compiler adds, which JaCoCo leaves out of its reports.
//!
//! Most have no lines. The others are known by names, annotations and what they do.

use crate::jacoco_view::View;
use crate::java_class::{Method, STATIC, SYNTHETIC};
use crate::java_code::{
    ALOAD, ARETURN, CHECKCAST, GETSTATIC, INVOKESPECIAL, INVOKESTATIC, INVOKEVIRTUAL, RETURN,
};

/// Whether a method of a class of Kotlin is not in the source as such.
pub(crate) fn is_generated(view: &View<'_>) -> bool {
    let method = view.method;
    let has_lines = view.all().any(|at| view.starts_line(at));
    let is_synthetic = method.access & SYNTHETIC != 0;
    (!has_lines && view.class.source.is_some())
        || (is_synthetic && method.name.starts_with("access$"))
        || is_serializer(view)
        || is_list_of_enum(view)
        || is_overload(view)
        || is_static_of_companion(view)
        || is_of_value_class(view)
        || is_boxed(view)
        || is_default_of_interface(view)
}

fn is_annotated(annotations: &[String], name: &str) -> bool {
    annotations.iter().any(|annotation| annotation == name)
}

const SERIALIZER: &str = "()Lkotlinx/serialization/KSerializer;";

/// What the plug-in for `@Serializable` adds.
fn is_serializer(view: &View<'_>) -> bool {
    let method = view.method;
    let name = method.name.as_str();
    if method.access & SYNTHETIC == 0 || name == "serializer" {
        return name == "serializer"
            && method.descriptor == SERIALIZER
            && (gives_serializer(view) || gives_kept_serializer(view));
    }
    let is_kept = name == "get$cachedSerializer"
        || name.starts_with("_init_$_anonymous_")
        || name.starts_with("_childSerializers$_anonymous_");
    name.starts_with("write$Self$")
        || (is_kept && method.descriptor == SERIALIZER)
        || method
            .ends_with_marker("Lkotlinx/serialization/internal/SerializationConstructorMarker;")
}

/// `serializer()` of a companion: on the line where that itself is.
fn gives_serializer(view: &View<'_>) -> bool {
    let is_line_of_companion = || {
        // No companion has more methods.
        let constructor = view.class.methods.iter().take(1000).find(|method| {
            method.name == "<init>"
                && method.descriptor == "()V"
                && view.class.name.ends_with("$Companion")
        })?;
        let lines =
            |method: &Method<'_>| method.code.as_ref()?.lines.first().map(|(_, line)| *line);
        let own = lines(constructor);
        Some(own.is_none() || own == lines(view.method))
    };
    view.are(0, &[GETSTATIC, CHECKCAST, ARETURN])
        && view.starts_line(0)
        && view.member(0).1 == b"INSTANCE"
        && view.is_type(1, "kotlinx/serialization/KSerializer")
        && is_line_of_companion() == Some(true)
}

fn gives_kept_serializer(view: &View<'_>) -> bool {
    view.are(0, &[ALOAD, INVOKESPECIAL, ARETURN])
        && view.variable(0) == Some(0)
        && view.is_about(1, &view.class.name, "get$cachedSerializer")
}

/// `entries` of an enum.
fn is_list_of_enum(view: &View<'_>) -> bool {
    view.class.super_name == "java/lang/Enum"
        && view.method.name == "getEntries"
        && view.method.descriptor == "()Lkotlin/enums/EnumEntries;"
}

/// What `@JvmOverloads` adds: only the end of it has a line.
fn is_overload(view: &View<'_>) -> bool {
    let Some(call) = view.instructions.len().checked_sub(2) else { return false };
    let (_, name, descriptor) = view.member(call);
    let calls_default = match view.code(call) {
        Some(INVOKESTATIC) => name.ends_with(b"$default"),
        Some(INVOKESPECIAL) => {
            descriptor.ends_with(b"Lkotlin/jvm/internal/DefaultConstructorMarker;)V")
        }
        _ => false,
    };
    calls_default
        && view.code(call + 1) == Some(RETURN)
        && view.all().all(|at| view.starts_line(at) == (at == call + 1))
}

/// What `@JvmStatic` adds to the class of a companion.
fn is_static_of_companion(view: &View<'_>) -> bool {
    view.method.access & STATIC != 0
        && is_annotated(&view.method.annotations, "Lkotlin/jvm/JvmStatic;")
        && view.follows_as(0, GETSTATIC)
        && view.is_about(0, &view.class.name, "Companion")
}

/// Methods of value classes that only call those that the program calls.
fn is_of_value_class(view: &View<'_>) -> bool {
    view.method.access & STATIC == 0
        && is_annotated(&view.class.annotations, "Lkotlin/jvm/JvmInline;")
}

/// What `@JvmExposeBoxed` adds.
fn is_boxed(view: &View<'_>) -> bool {
    is_annotated(&view.method.annotations, "Lkotlin/jvm/JvmExposeBoxed;")
        && view
            .all()
            .find_map(|at| match (view.code(at), view.member(at).1) {
                (Some(INVOKEVIRTUAL), b"unbox-impl") => {
                    let before = at.checked_sub(1).and_then(|before| view.code(before));
                    Some(view.follows(at) && before == Some(ALOAD))
                }
                (Some(INVOKESTATIC), b"box-impl") => Some(view.follows_as(at + 1, ARETURN)),
                _ => None,
            })
            .unwrap_or(false)
}

/// What classes and interfaces have for methods of interfaces that they take as they are.
fn is_default_of_interface(view: &View<'_>) -> bool {
    const HOLDER: &str = "$DefaultImpls";
    let is_old = view.are(0, &[ALOAD, INVOKESTATIC])
        && view.variable(0) == Some(0)
        && view.member(1).0.ends_with(HOLDER.as_bytes());
    let calls_new = |at: usize| {
        let (_, name, _) = view.member(at);
        view.is_call(at) && name.starts_with(b"access$") && name.ends_with(b"$jd")
    };
    is_old || (view.class.name.ends_with(HOLDER) && view.all().any(calls_new))
}
