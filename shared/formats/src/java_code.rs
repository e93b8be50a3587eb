//! Instructions of Java's virtual machine.
//!
//! Spec: The Java Virtual Machine Specification, chapter 6. Short forms are told as the long one:
//! `iload_2` is `iload` of variable 2.

use std::collections::HashSet;

use crate::ReadError;
use crate::bytes::{Cursor, malformed};
use crate::java_class::Code;

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) offset: usize,
    pub(crate) code: u8,
    pub(crate) operand: Operand,
}

/// What an instruction works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    None,
    /// Number of a local variable.
    Variable(u16),
    /// Number of a constant.
    Constant(u16),
    /// Position of the instruction that it may go on with.
    Jump(usize),
    /// Positions of those that it goes on with.
    Switch(Switch),
}

/// Where a `switch` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    /// The default first; without repetitions.
    pub(crate) ways: Vec<usize>,
    /// Of each case, also where that leads to the default.
    pub(crate) cases: Vec<usize>,
}

pub(crate) const ACONST_NULL: u8 = 1;
pub(crate) const ICONST_M1: u8 = 2;
pub(crate) const ICONST_0: u8 = 3;
pub(crate) const ICONST_1: u8 = 4;
pub(crate) const LDC: u8 = 18;
pub(crate) const ILOAD: u8 = 21;
pub(crate) const ALOAD: u8 = 25;
pub(crate) const IALOAD: u8 = 46;
pub(crate) const ISTORE: u8 = 54;
pub(crate) const ASTORE: u8 = 58;
pub(crate) const POP: u8 = 87;
pub(crate) const DUP: u8 = 89;
pub(crate) const SWAP: u8 = 95;
pub(crate) const IAND: u8 = 126;
pub(crate) const IFEQ: u8 = 153;
pub(crate) const IFNE: u8 = 154;
pub(crate) const IF_ACMPNE: u8 = 166;
pub(crate) const GOTO: u8 = 167;
pub(crate) const TABLESWITCH: u8 = 170;
pub(crate) const LOOKUPSWITCH: u8 = 171;
pub(crate) const IRETURN: u8 = 172;
pub(crate) const ARETURN: u8 = 176;
pub(crate) const RETURN: u8 = 177;
pub(crate) const GETSTATIC: u8 = 178;
pub(crate) const PUTSTATIC: u8 = 179;
pub(crate) const GETFIELD: u8 = 180;
pub(crate) const INVOKEVIRTUAL: u8 = 182;
pub(crate) const INVOKESPECIAL: u8 = 183;
pub(crate) const INVOKESTATIC: u8 = 184;
pub(crate) const INVOKEINTERFACE: u8 = 185;
pub(crate) const INVOKEDYNAMIC: u8 = 186;
pub(crate) const NEW: u8 = 187;
pub(crate) const ATHROW: u8 = 191;
pub(crate) const CHECKCAST: u8 = 192;
pub(crate) const INSTANCEOF: u8 = 193;
pub(crate) const MONITOREXIT: u8 = 195;
pub(crate) const IFNULL: u8 = 198;
pub(crate) const IFNONNULL: u8 = 199;

impl Instruction {
    /// Whether the one after it may be next.
    pub(crate) fn goes_on(&self) -> bool {
        !matches!(self.code, GOTO | TABLESWITCH | LOOKUPSWITCH | ATHROW) && !self.is_return()
    }

    pub(crate) fn is_return(&self) -> bool {
        (IRETURN..=RETURN).contains(&self.code)
    }

    pub(crate) fn is_call(&self) -> bool {
        (INVOKEVIRTUAL..=INVOKEDYNAMIC).contains(&self.code)
    }
}

/// The instructions of some code; `None` if it has subroutines, which Java gave up with version 7.
pub(crate) fn instructions(code: &Code<'_>) -> Result<Option<Vec<Instruction>>, ReadError> {
    let mut cursor = Cursor::new(code.bytes);
    let mut found: Vec<Instruction> = Vec::new();
    while cursor.remaining() > 0 {
        let Some(instruction) = instruction(&mut cursor)? else { return Ok(None) };
        found.push(instruction);
    }
    // Jumps lead to offsets; positions are what is needed of them.
    let offsets: Vec<usize> = found.iter().map(|instruction| instruction.offset).collect();
    let position = |offset: usize, from: usize| {
        let found = offsets.binary_search(&offset);
        found.map_err(|_| malformed(from, "a jump to where no instruction is"))
    };
    for instruction in &mut found {
        let from = instruction.offset;
        match &mut instruction.operand {
            Operand::Jump(target) => *target = position(*target, from)?,
            Operand::Switch(switch) => {
                for target in switch.ways.iter_mut().chain(&mut switch.cases) {
                    *target = position(*target, from)?;
                }
                let mut known: HashSet<usize> = switch.ways.iter().copied().collect();
                let cases = switch.cases.iter().copied();
                switch.ways.extend(cases.filter(|target| known.insert(*target)));
            }
            _ => {}
        }
    }
    Ok(Some(found))
}

fn instruction(cursor: &mut Cursor<'_>) -> Result<Option<Instruction>, ReadError> {
    const CUT: &str = "an instruction";
    let offset = cursor.offset();
    let code = cursor.byte(CUT)?;
    let short = |cursor: &mut Cursor<'_>| cursor.array::<2>(CUT).map(i16::from_be_bytes);
    let long = |cursor: &mut Cursor<'_>| cursor.array::<4>(CUT).map(i32::from_be_bytes);
    let target = |distance: i32| {
        let distance = isize::try_from(distance).unwrap_or(isize::MAX);
        offset.checked_add_signed(distance).unwrap_or(usize::MAX)
    };
    let variable = |number: u8| Operand::Variable(u16::from(number));
    let (code, operand) = match code {
        16 | 188 => cursor.take(1, CUT).map(|_| (code, Operand::None))?,
        LDC => (code, Operand::Constant(u16::from(cursor.byte(CUT)?))),
        19 | 20 => (LDC, Operand::Constant(cursor.array(CUT).map(u16::from_be_bytes)?)),
        17 => cursor.take(2, CUT).map(|_| (code, Operand::None))?,
        21..=25 | 54..=58 => (code, variable(cursor.byte(CUT)?)),
        26..=45 => (ILOAD + (code - 26) / 4, variable((code - 26) % 4)),
        59..=78 => (ISTORE + (code - 59) / 4, variable((code - 59) % 4)),
        132 => {
            let number = cursor.byte(CUT)?;
            cursor.take(1, CUT)?;
            (code, variable(number))
        }
        153..=167 | 198 | 199 => (code, Operand::Jump(target(i32::from(short(cursor)?)))),
        200 => (GOTO, Operand::Jump(target(long(cursor)?))),
        168 | 169 | 201 => return Ok(None),
        TABLESWITCH | LOOKUPSWITCH => {
            cursor.take((4 - (offset + 1) % 4) % 4, CUT)?;
            let mut switch = Switch { ways: vec![target(long(cursor)?)], cases: Vec::new() };
            let first = long(cursor)?;
            let (n_targets, is_lookup) = match code {
                LOOKUPSWITCH => (i64::from(first), true),
                _ => (i64::from(long(cursor)?) - i64::from(first) + 1, false),
            };
            for _ in 0..n_targets.max(0) {
                if is_lookup {
                    cursor.take(4, CUT)?;
                }
                switch.cases.push(target(long(cursor)?));
            }
            (code, Operand::Switch(switch))
        }
        178..=184 | 187 | 189 | 192 | 193 => {
            (code, Operand::Constant(cursor.array(CUT).map(u16::from_be_bytes)?))
        }
        185 | 186 => {
            let constant = cursor.array(CUT).map(u16::from_be_bytes)?;
            cursor.take(2, CUT)?;
            (code, Operand::Constant(constant))
        }
        196 => {
            let code = cursor.byte(CUT)?;
            let number = cursor.array(CUT).map(u16::from_be_bytes)?;
            match code {
                21..=25 | 54..=58 => {}
                132 => cursor.take(2, CUT).map(|_| ())?,
                169 => return Ok(None),
                _ => return Err(malformed(offset, "an instruction that has no wide form")),
            }
            (code, Operand::Variable(number))
        }
        197 => cursor.take(3, CUT).map(|_| (code, Operand::None))?,
        0..=201 => (code, Operand::None),
        _ => return Err(malformed(offset, "an unknown instruction")),
    };
    Ok(Some(Instruction { offset, code, operand }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Vec<Instruction>>, ReadError> {
        instructions(&Code { bytes, ..Code::default() })
    }

    #[test]
    fn short_and_wide_forms_are_one() {
        let found = read(&[0x1c, 0x15, 2, 0xc4, 0x15, 0, 2, 0x4e, 0xc4, 0x84, 0, 3, 0, 1, 0xb1]);
        let operands: Vec<_> =
            found.unwrap().unwrap().into_iter().map(|row| (row.code, row.operand)).collect();
        let load = (ILOAD, Operand::Variable(2));
        let expected = [
            load.clone(),
            load.clone(),
            load,
            (ASTORE, Operand::Variable(3)),
            (132, Operand::Variable(3)),
            (RETURN, Operand::None),
        ];
        assert_eq!(operands, expected);
    }

    #[test]
    fn switches_name_each_target_once() {
        let mut code = vec![0x1a, TABLESWITCH, 0, 0];
        // The default, the first and last case, and where each leads.
        for word in [28i32, 1, 3, 27, 28, 27] {
            code.extend(word.to_be_bytes());
        }
        code.extend([0xb1, 0xb1]);
        let found = read(&code).unwrap().unwrap();
        let switch = Switch { ways: vec![3, 2], cases: vec![2, 3, 2] };
        assert_eq!(found[1].operand, Operand::Switch(switch));
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for (code, message) in [
            (&[GOTO, 0, 9][..], "byte 0: a jump to where no instruction is"),
            (&[GOTO, 0xff, 0xff], "byte 0: a jump to where no instruction is"),
            (&[0xff], "byte 0: an unknown instruction"),
            (&[ILOAD], "byte 1: an instruction is cut short"),
        ] {
            assert_eq!(read(code).unwrap_err().to_string(), message);
        }
        assert_eq!(read(&[168, 0, 3]).unwrap(), None);
    }
}
