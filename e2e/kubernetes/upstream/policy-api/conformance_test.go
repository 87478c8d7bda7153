// Package conformance runs the network policy API's own conformance tests (ClusterNetworkPolicy).
package conformance

import (
	"testing"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	api "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/network-policy-api/conformance/tests"
	"sigs.k8s.io/network-policy-api/conformance/utils/flags"
	"sigs.k8s.io/network-policy-api/conformance/utils/suite"
)

func TestConformance(t *testing.T) {
	where, err := config.GetConfig()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := client.New(where, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clientset, err := kubernetes.NewForConfig(where)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Install(objects.Scheme()); err != nil {
		t.Fatal(err)
	}
	conformance := suite.New(suite.Options{
		Client:                     objects,
		ClientSet:                  clientset,
		KubeConfig:                 *where,
		Debug:                      *flags.ShowDebug,
		CleanupBaseResources:       *flags.CleanupBaseResources,
		SupportedFeatures:          suite.ParseSupportedFeatures(*flags.SupportedFeatures),
		ExemptFeatures:             suite.ParseSupportedFeatures(*flags.ExemptFeatures),
		EnableAllSupportedFeatures: *flags.EnableAllSupportedFeatures,
	})
	conformance.Setup(t)
	conformance.Run(t, tests.ConformanceTests)
}
