#include <melu.h>
