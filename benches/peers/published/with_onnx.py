"""ONNX Runtime: graphs for its CPU provider, with all of its optimisations."""

import numpy as np
import onnxruntime

from published.program import GraphPeer


class OnnxGraph:
    def __init__(self):
        from onnx import TensorProto, helper, numpy_helper

        self.helper, self.numpy_helper, self.types = helper, numpy_helper, TensorProto
        self.nodes, self.constants, self.inputs = [], [], []

    def _name(self):
        return f"t{len(self.nodes) + len(self.constants)}"

    def _node(self, kind, inputs, outputs=1, **attributes):
        names = [f"{self._name()}_{place}" for place in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array):
        name = self._name()
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def input(self, name, shape, integers=False):
        kind = self.types.INT32 if integers else self.types.FLOAT
        self.inputs.append(self.helper.make_tensor_value_info(name, kind, shape))
        return name

    def gather(self, table, indices):
        return self._node("Gather", [table, indices])

    def linear(self, rows, weight, bias, relu):
        sums = self._node("Gemm", [rows, weight, bias], transB=1)
        return self._node("Relu", [sums]) if relu else sums

    def rounded_linear(self, rows, weight):
        scales = np.abs(weight).max(1) / 127
        table = self.constant(np.round(weight / scales[:, None]).astype(np.int8).T)
        rounded, scale, zero = self._node("DynamicQuantizeLinear", [rows], outputs=3)
        sums = self._node("MatMulInteger", [rounded, table, zero])
        sums = self._node("Cast", [sums], to=self.types.FLOAT)
        return self.multiply(sums, self.multiply(scale, self.constant(scales.astype(np.float32))))

    def times(self, left, right):
        return self._node("MatMul", [left, right])

    def transposed_times(self, left, right):
        return self._node("Gemm", [left, right], transA=1)

    def masked(self, values, by):
        # `by` comes from Relu: its sign is 0 or 1.
        return self.multiply(values, self._node("Sign", [by]))

    def add(self, left, right):
        return self._node("Add", [left, right])

    def subtract(self, left, right):
        return self._node("Sub", [left, right])

    def multiply(self, left, right):
        return self._node("Mul", [left, right])

    def divide(self, left, right):
        return self._node("Div", [left, right])

    def _sum(self, values, axis):
        return self._node("ReduceSum", [values, self.constant(np.array([axis]))], keepdims=1)

    def sum_rows(self, values):
        return self._sum(values, 0)

    def sum_columns(self, values):
        return self._sum(values, 1)

    def best(self, scores, count, axis=0):
        count = self.constant(np.array([count]))
        scores, indices = self._node("TopK", [scores, count], outputs=2, axis=axis)
        return indices, scores

    def finish(self, outputs):
        kinds = {name: self.types.FLOAT for name in outputs}
        topk = [node.output[1] for node in self.nodes if node.op_type == "TopK"]
        kinds |= {name: self.types.INT64 for name in topk}
        value = lambda name: self.helper.make_tensor_value_info(name, kinds[name], None)
        outputs = [value(name) for name in outputs]
        graph = self.helper.make_graph(self.nodes, "melu", self.inputs, outputs, self.constants)
        versions = {"opset_imports": [self.helper.make_opsetid("", 17)], "ir_version": 9}
        return self.helper.make_model(graph, **versions).SerializeToString()


class Peer(GraphPeer):
    name = "ONNX Runtime"
    packages = ["onnxruntime"]
    libraries = ["onnxruntime/capi/onnxruntime_pybind11_state*.so"]
    new_graph = OnnxGraph

    def session(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        return lambda values: session.run(None, values)
