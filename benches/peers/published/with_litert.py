"""LiteRT: flat buffers by its own schema, run with XNNPACK.

The schema comes with the runtime, so that no converter and no TensorFlow is needed.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from published.program import GraphPeer


# Most operators' options are named after them.
OPTIONS = {
    "FULLY_CONNECTED": "FullyConnected",
    "BATCH_MATMUL": "BatchMatMul",
    "SUM": "Reducer",
    "TOPK_V2": "TopKV2",
}


class LiteRtGraph:
    def __init__(self):
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.codes, self.operators, self.inputs = {}, [], []
        self.tensors, self.shapes, self.buffers = [], [], [schema.BufferT()]

    def _tensor(self, shape, kind=None, buffer=0, name=None):
        tensor = self.schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = self.schema.TensorType.FLOAT32 if kind is None else kind
        tensor.buffer = buffer
        tensor.name = name or f"t{len(self.tensors)}"
        self.tensors.append(tensor)
        self.shapes.append(tuple(shape))
        return len(self.tensors) - 1

    def _operator(self, kind, inputs, outputs, version=1, **options):
        schema = self.schema
        name = OPTIONS.get(kind, kind.title()) + "Options"
        code = self.codes.setdefault((kind, version), len(self.codes))
        operator = schema.OperatorT()
        operator.opcodeIndex = code
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = getattr(schema, name + "T")()
        for option, value in options.items():
            setattr(operator.builtinOptions, option, value)
        self.operators.append(operator)
        return outputs[0] if len(outputs) == 1 else outputs

    def constant(self, array):
        array = np.ascontiguousarray(array)
        buffer = self.schema.BufferT()
        buffer.data = array.reshape(-1).view(np.uint8)
        self.buffers.append(buffer)
        kinds = {np.dtype(np.int32): "INT32", np.dtype(np.int8): "INT8"}
        kind = getattr(self.schema.TensorType, kinds.get(array.dtype, "FLOAT32"))
        return self._tensor(array.shape, kind, len(self.buffers) - 1)

    def input(self, name, shape, integers=False):
        kind = self.schema.TensorType.INT32 if integers else None
        self.inputs.append(self._tensor(shape, kind, name=name))
        return self.inputs[-1]

    def gather(self, table, indices):
        shape = self.shapes[indices] + self.shapes[table][1:]
        return self._operator("GATHER", [table, indices], [self._tensor(shape)])

    def linear(self, rows, weight, bias, relu):
        activation = self.schema.ActivationFunctionType
        output = self._tensor((self.shapes[rows][0], self.shapes[weight][0]))
        return self._operator(
            "FULLY_CONNECTED",
            [rows, weight, bias],
            [output],
            fusedActivationFunction=activation.RELU if relu else activation.NONE,
        )

    def rounded_linear(self, rows, weight):
        scales = np.abs(weight).max(1) / 127
        table = self.constant(np.round(weight / scales[:, None]).astype(np.int8))
        quantization = self.schema.QuantizationParametersT()
        quantization.scale, quantization.quantizedDimension = scales.astype(np.float32), 0
        quantization.zeroPoint = np.zeros(len(scales), np.int64)
        self.tensors[table].quantization = quantization
        output = self._tensor((self.shapes[rows][0], len(weight)))
        # Version 9 has a scale a row.
        return self._operator("FULLY_CONNECTED", [rows, table, -1], [output], 9)

    def times(self, left, right):
        output = self._tensor((self.shapes[left][0], self.shapes[right][1]))
        return self._operator("BATCH_MATMUL", [left, right], [output])

    def _transposed(self, matrix):
        order = self.constant(np.array([1, 0], np.int32))
        output = self._tensor(self.shapes[matrix][::-1])
        return self._operator("TRANSPOSE", [matrix, order], [output])

    def transposed_times(self, left, right):
        return self.times(self._transposed(left), right)

    def masked(self, values, by):
        # `by` comes from ReLU: its sign is 0 or 1.
        sign = self._operator("SIGN", [by], [self._tensor(self.shapes[by])])
        return self.multiply(values, sign)

    def _broadcast(self, kind, left, right):
        shape = np.broadcast_shapes(self.shapes[left], self.shapes[right])
        return self._operator(kind, [left, right], [self._tensor(shape)])

    def add(self, left, right):
        return self._broadcast("ADD", left, right)

    def subtract(self, left, right):
        return self._broadcast("SUB", left, right)

    def multiply(self, left, right):
        return self._broadcast("MUL", left, right)

    def divide(self, left, right):
        return self._broadcast("DIV", left, right)

    def _sum(self, values, axis, shape):
        axis = self.constant(np.array([axis], np.int32))
        return self._operator("SUM", [values, axis], [self._tensor(shape)], keepDims=True)

    def sum_rows(self, values):
        return self._sum(values, 0, (1, self.shapes[values][1]))

    def sum_columns(self, values):
        return self._sum(values, 1, (self.shapes[values][0], 1))

    def best(self, scores, count, axis=0):
        shape = self.constant(np.array([self.shapes[scores][axis]], np.int32))
        flat = self._tensor((self.shapes[scores][axis],))
        self._operator("RESHAPE", [scores, shape], [flat])
        number = self.constant(np.array([count], np.int32).reshape(()))
        indices = self._tensor((count,), self.schema.TensorType.INT32)
        best = self._tensor((count,))
        self._operator("TOPK_V2", [flat, number], [best, indices])
        return indices, best

    def finish(self, outputs):
        import flatbuffers

        schema = self.schema
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = self.inputs, list(outputs)
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes = []
        for kind, version in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, kind)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = version
            model.operatorCodes.append(code)
        model.subgraphs, model.buffers = [subgraph], self.buffers
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Peer(GraphPeer):
    name = "LiteRT"
    packages = ["ai-edge-litert"]
    libraries = ["ai_edge_litert/libLiteRt.so"]
    new_graph = LiteRtGraph

    def session(self, path):
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        inputs = {tensor["name"]: tensor["index"] for tensor in interpreter.get_input_details()}
        outputs = [tensor["index"] for tensor in interpreter.get_output_details()]

        def run(values):
            for name, value in values.items():
                interpreter.set_tensor(inputs[name], value)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in outputs]

        return run
