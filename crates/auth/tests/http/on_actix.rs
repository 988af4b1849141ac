use actix_web::{App, HttpServer, web};
use passgate_auth::actix::{
    Bearer, InRole, OptionalBearer, Scoped, jwks, require_role, require_scope, require_token,
};
use passgate_auth::jwt::Forbidden;

use crate::world::{Clerk, OrdersRead, Parts, Service, Tenant, greet};

async fn bearer(who: Bearer<Tenant>) -> String {
    greet(&who)
}

async fn maybe(OptionalBearer(who): OptionalBearer<Tenant>) -> String {
    who.map_or_else(|| "nobody".to_owned(), |who| greet(&who))
}

async fn swallowed(who: Option<Bearer<Tenant>>) -> String {
    who.map_or_else(|| "nobody".to_owned(), |who| greet(&who))
}

async fn scoped(who: Scoped<OrdersRead, Tenant>) -> String {
    greet(&who)
}

async fn in_role(who: InRole<Clerk, Tenant>) -> String {
    greet(&who)
}

async fn handler(who: Bearer<Tenant>) -> Result<String, Forbidden> {
    who.require_scope("orders:read")?;
    Ok(greet(&who))
}

/// A server in a thread of its own, until the test ends.
pub(crate) fn serve(parts: &Parts, configured: bool) -> Service {
    let (verifier, other) = (parts.verifier.clone(), parts.other.clone());
    let ring = parts.issuer.key_ring();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let app = App::new();
                let app = if configured {
                    app.app_data(verifier.clone())
                        .app_data(web::Data::new(ring.clone()))
                } else {
                    app
                };
                let get = web::get;
                app.route("/bearer", get().to(bearer))
                    .route("/maybe", get().to(maybe))
                    .route("/maybe-extractor", get().to(maybe))
                    .route("/swallowed", get().to(swallowed))
                    .route("/scoped", get().to(scoped))
                    .route("/in-role", get().to(in_role))
                    .route("/handler", get().to(handler))
                    .route("/jwks", get().to(jwks))
                    .service(
                        web::resource("/layer/token")
                            .wrap(require_token::<Tenant>())
                            .route(get().to(bearer)),
                    )
                    .service(
                        web::resource("/layer/scope")
                            .wrap(require_scope::<Tenant>("orders:read"))
                            .route(get().to(bearer)),
                    )
                    .service(
                        web::resource("/layer/role")
                            .wrap(require_role::<Tenant>("clerk"))
                            .route(get().to(bearer)),
                    )
                    .service(
                        web::scope("/two").wrap(require_token::<Tenant>()).service(
                            web::resource("")
                                .app_data(other.clone())
                                .route(get().to(bearer)),
                        ),
                    )
            })
            .workers(1)
            .bind(("127.0.0.1", 0))
            .unwrap();
            tell.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    Service {
        name: "actix",
        address: told.recv().unwrap(),
    }
}
