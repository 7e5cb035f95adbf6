#include "workers/metering/worker.h"

int main(int argc, char** argv) {
  return tenantry::service::run_alone(argc, argv, tenantry::metering::entry());
}
