"""Sixteen float32 columns as one machine vector, for numba kernels.

Numba cannot prove that two arrays do not overlap, so it leaves short inner loops over columns scalar. These intrinsics
state the vector operations themselves; LLVM lowers them to AVX-512, AVX2, SSE or NEON registers, whichever there are.
Offsets are counted in elements from the start of a contiguous array and are not checked.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model

# Numba supplies the typing context; callers pass what follows it, which type checkers cannot see.
intrinsic: Any = _intrinsic

SIMD_WIDTH = 16
"""Columns in a vector: 64 bytes, one cache line."""

FLOATS = ir.VectorType(ir.FloatType(), SIMD_WIDTH)
INTEGERS = ir.VectorType(ir.IntType(32), SIMD_WIDTH)
LONG_INTEGERS = ir.VectorType(ir.IntType(64), SIMD_WIDTH)


class SimdVector(types.Type):
    """Numba's type of sixteen float32 values."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


simd_vector = SimdVector()


@register_model(SimdVector)
class SimdVectorModel(models.PrimitiveModel):
    """Kept in a vector register."""

    def __init__(self, manager: Any, declared: Any) -> None:
        super().__init__(manager, declared, FLOATS)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any, vector: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), ir.PointerType(vector))


def _splat(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(FLOATS, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INTEGERS, [0] * SIMD_WIDTH))


@intrinsic
def zero(typing_context: Any) -> Any:
    """Sixteen zeros."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(FLOATS, [0.0] * SIMD_WIDTH)

    return simd_vector(), generate


@intrinsic
def load(typing_context: Any, array: Any, offset: Any) -> Any:
    """`array[offset:offset + 16]` of a float32 array."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], values[0], values[1], FLOATS), align=4)

    return simd_vector(array, types.int64), generate


@intrinsic
def load_integers(typing_context: Any, array: Any, offset: Any) -> Any:
    """`array[offset:offset + 16]` of an int32 array, as float32."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        full = builder.load(_pointer(context, builder, signature.args[0], values[0], values[1], INTEGERS), align=4)
        return builder.sitofp(full, FLOATS)

    return simd_vector(array, types.int64), generate


@intrinsic
def store(typing_context: Any, array: Any, offset: Any, vector: Any) -> Any:
    """`array[offset:offset + 16] = vector` of a float32 array."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], values[0], values[1], FLOATS)
        builder.store(values[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, simd_vector), generate


@intrinsic
def add(typing_context: Any, first: Any, second: Any) -> Any:
    """Sum, column by column."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return simd_vector(simd_vector, simd_vector), generate


@intrinsic
def scale(typing_context: Any, vector: Any, factor: Any) -> Any:
    """Every column times the same float32."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(values[0], _splat(builder, values[1]))

    return simd_vector(simd_vector, types.float32), generate


def _add_rounded(context: Any, builder: Any, signature: Any, values: Any, vector: Any, align: int) -> Any:
    kind = ir.FunctionType(FLOATS, [FLOATS])
    round_to_even = cgutils.get_or_insert_function(builder.module, kind, f"llvm.rint.v{SIMD_WIDTH}f32")
    full = builder.fptosi(builder.call(round_to_even, [values[2]]), vector)
    pointer = _pointer(context, builder, signature.args[0], values[0], values[1], vector)
    builder.store(builder.add(builder.load(pointer, align=align), full), pointer, align=align)
    return context.get_dummy_value()


@intrinsic
def add_rounded(typing_context: Any, array: Any, offset: Any, vector: Any) -> Any:
    """`array[offset:offset + 16] += round(vector)` of an int32 array, halves to even."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _add_rounded(context, builder, signature, values, INTEGERS, 4)

    return types.void(array, types.int64, simd_vector), generate


@intrinsic
def add_rounded_long(typing_context: Any, array: Any, offset: Any, vector: Any) -> Any:
    """`array[offset:offset + 16] += round(vector)` of an int64 array, halves to even."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _add_rounded(context, builder, signature, values, LONG_INTEGERS, 8)

    return types.void(array, types.int64, simd_vector), generate


@intrinsic
def add_long(typing_context: Any, totals: Any, array: Any, offset: Any) -> Any:
    """`totals[0:16] += array[offset:offset + 16]`, of an int64 and an int32 array."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zero = ir.Constant(ir.IntType(64), 0)
        sums = _pointer(context, builder, signature.args[0], values[0], zero, LONG_INTEGERS)
        full = builder.load(_pointer(context, builder, signature.args[1], values[1], values[2], INTEGERS), align=4)
        builder.store(builder.add(builder.load(sums, align=8), builder.sext(full, LONG_INTEGERS)), sums, align=8)
        return context.get_dummy_value()

    return types.void(totals, array, types.int64), generate


@intrinsic
def add_products(
    typing_context: Any, tile: Any, left: Any, left_at: Any, right: Any, right_at: Any, length: Any
) -> Any:
    """`tile[i, j] += sum over k < length of left[left_at + 16 k + i] * right[right_at + 16 k + j]`, i and j below 16.

    The tile, float32 (256,), is held in sixteen registers meanwhile.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        kind = ir.FunctionType(FLOATS, [FLOATS, FLOATS, FLOATS])
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{SIMD_WIDTH}f32")
        width = ir.Constant(ir.IntType(64), SIMD_WIDTH)
        rows = []
        for i in range(SIMD_WIDTH):
            pointer = _pointer(
                context, builder, kinds[0], values[0], ir.Constant(ir.IntType(64), i * SIMD_WIDTH), FLOATS
            )
            rows.append((pointer, cgutils.alloca_once_value(builder, builder.load(pointer, align=4))))
        left_data = context.make_array(kinds[1])(context, builder, values[1]).data
        with cgutils.for_range(builder, values[5]) as loop:
            away = builder.mul(loop.index, width)
            right_row = builder.load(
                _pointer(context, builder, kinds[3], values[3], builder.add(values[4], away), FLOATS), align=4
            )
            for i, (_, total) in enumerate(rows):
                at = builder.add(builder.add(values[2], away), ir.Constant(ir.IntType(64), i))
                factor = _splat(builder, builder.load(builder.gep(left_data, [at])))
                builder.store(builder.call(fused, [factor, right_row, builder.load(total)]), total)
        for pointer, total in rows:
            builder.store(builder.load(total), pointer, align=4)
        return context.get_dummy_value()

    full = types.int64
    return types.void(tile, left, full, right, full, full), generate
