//! Names of load balancers: at most 32 characters made of stack name and version.

/// `<stack name, shortened>-<version>`, cleaned of doubled, leading and trailing dashes (contract: load balancer name).
pub fn load_balancer_name(stack_name: &str, version: &str) -> String {
    let _ = (stack_name, version);
    todo!()
}
