/* That the header and the library are found, and fit together. */
#include <melu.h>
#include <stdio.h>

int main(void) {
  melu_model *model = NULL;
  melu_error error;
  melu_status status = melu_model_open(melu_str_of("no such file"), NULL, &model, &error);
  melu_str kernels = melu_kernel_name();
  printf("ABI %u, kernels %.*s, \"%s\"\n", (unsigned)melu_abi_version(), (int)kernels.len,
         kernels.data, error.message);
  return melu_abi_version() == MELU_ABI_VERSION && status == MELU_STATUS_IO ? 0 : 1;
}
