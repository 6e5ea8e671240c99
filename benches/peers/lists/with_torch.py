"""PyTorch: a product of matrices, and topk."""

import torch

torch.set_num_threads(1)


class Peer:
    packages = ["torch"]

    def __init__(self, world):
        pass

    @torch.inference_mode()
    def batch(self, vectors, users, answers, count):
        columns = torch.from_numpy(vectors.rows.T.copy())
        users = torch.from_numpy(users.copy())

        @torch.inference_mode()
        def call():
            return torch.topk(users @ columns, count)

        return call

    def lists(self, found):
        return list(zip(found.indices.numpy(), found.values.numpy()))
